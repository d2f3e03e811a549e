"""Benchmarks: one module for each question; every one checks its answer before it prints a rate."""
