"""Reads recorded traffic where the stack keeps it."""
