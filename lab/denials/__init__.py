"""Connections that nobody declared, tried on the shop's node; and who notices: log, command and alert."""
