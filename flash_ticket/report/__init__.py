"""Answers in words, tables and documents."""
