"""Reads the stack: its settings file, its running program, its git history."""
