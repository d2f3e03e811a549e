"""The preparation of containers."""
