"""Live venues, played from captures."""
