"""Both layers over every pair of endpoints, compared with the declaration."""
