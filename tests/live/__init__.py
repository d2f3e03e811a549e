"""A whole fleet of processes, started as a user starts it and treated as the world treats it."""
