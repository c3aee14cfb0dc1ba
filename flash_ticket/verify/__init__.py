"""Comparison of what runs with what is declared: each difference, what it means and how to fix it."""
