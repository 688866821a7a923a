"""Tests of pixel data: objects that are encoded anew."""
