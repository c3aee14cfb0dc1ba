"""What the network plug-in runs with, what it does not cover, and what it treats in a way of its own."""
