"""Connections that are tried all the time while something changes, and what the enforcer does to them."""
