"""Tests of the output folder and its tables."""
