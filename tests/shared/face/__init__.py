"""The HTTP face, on a toy engine."""
