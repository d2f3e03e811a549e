"""The HTTP face of a process: what it answers, in what form, and the server that says it."""
