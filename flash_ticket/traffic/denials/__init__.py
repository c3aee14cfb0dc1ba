"""Denied traffic: what was denied, which layer denied it, and why."""
