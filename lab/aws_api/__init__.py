"""AWS for the lab: moto in a process of its own, behind layers that close its gaps to the real service."""
