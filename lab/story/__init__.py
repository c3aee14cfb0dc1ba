"""The demo, and the incident at night that it shows."""
