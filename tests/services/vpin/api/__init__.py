"""vpin over HTTP."""
