"""Recorded traffic held against the matrix: whose it is, what was stopped and why, what a change would cut."""
