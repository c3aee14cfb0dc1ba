"""Benchmarks: speed, memory, and how both grow."""
