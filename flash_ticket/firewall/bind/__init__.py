"""From names to places: the environment that a stack's binding describes."""
