"""Answers as text, tables, JSON and pictures."""
