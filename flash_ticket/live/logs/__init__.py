"""Reads recorded traffic from the place where the stack keeps it."""
