"""The demo, and the night that it tells."""
