"""Recorded traffic held against another matrix, and drafts of a matrix from it."""
