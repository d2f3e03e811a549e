"""Tests of the file feeds."""
