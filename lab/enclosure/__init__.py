"""Namespaces of their own for a command and everything that it starts: no way out, and nothing left behind."""
