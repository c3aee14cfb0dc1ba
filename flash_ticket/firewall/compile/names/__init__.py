"""Policies for domain names, compiled."""
