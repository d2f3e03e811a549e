"""Kernels that more than one engine uses."""
