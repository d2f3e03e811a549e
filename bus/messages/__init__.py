"""Payloads of the Engine Logic bus, a module for each domain."""
