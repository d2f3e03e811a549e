"""Kernels of the simulated market: order flow, books, prices, and what the flow is checked by."""
