"""Tests of the simulated market's kernels."""
