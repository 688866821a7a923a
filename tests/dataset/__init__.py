"""Tests of the data set: reading, decoding, selecting."""
