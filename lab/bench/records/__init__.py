"""Benchmarks of recorded traffic: how fast flow logs and Hubble records are read, and answered from."""
