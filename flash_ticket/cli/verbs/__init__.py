"""The verbs of the command, each in one file."""
