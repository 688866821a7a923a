"""Tests against the programs of other toolkits."""
