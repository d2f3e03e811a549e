"""Tests of vpin's kernels."""
