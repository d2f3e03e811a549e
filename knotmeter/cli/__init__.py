"""The command line: a module for each command, whose docstring is its help."""
