"""Kernels of the toxicity engine, a module for each method."""
