"""Recorded traffic compared with another matrix, and drafts of a matrix from it."""
