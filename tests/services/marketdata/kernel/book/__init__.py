"""Tests of marketdata's kernels."""
