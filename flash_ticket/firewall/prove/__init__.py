"""Both layers over every pair of endpoints, held against the declaration."""
