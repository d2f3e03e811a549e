"""Tests of the shared kernels."""
