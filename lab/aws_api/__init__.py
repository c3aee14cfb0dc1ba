"""AWS for the lab: moto in its own process, behind layers that close its gaps to the real service."""
