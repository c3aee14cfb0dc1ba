"""Thousands of new connections a second through both layers of the shop, while a flow is added and removed."""
