"""Connections written down: for people, for spreadsheets, for programs, for drawing."""
