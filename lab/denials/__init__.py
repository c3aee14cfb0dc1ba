"""Undeclared connections, tried on the shop's node, and what notices them: log, command and alert."""
