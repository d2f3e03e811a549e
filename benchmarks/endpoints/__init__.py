"""Ends of a hop that live in the project's own environment; `benchmarks/peers/endpoint.py` runs them."""
