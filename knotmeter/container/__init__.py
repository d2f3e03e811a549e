"""What runs once before the containers of a fleet: secrets, users of the servers, and the session's check."""
