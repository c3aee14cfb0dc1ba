"""Finds, downloads or builds the programs that the lab runs."""
