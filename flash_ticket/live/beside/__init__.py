"""Reads what stands beside the firewall: guard rails, policies of others; and what a preview says of it."""
