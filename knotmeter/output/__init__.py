"""What a run leaves on disk: a folder that is whole or not there."""
