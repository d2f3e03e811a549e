"""The client of a fleet."""
