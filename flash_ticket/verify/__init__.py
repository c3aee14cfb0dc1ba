"""What runs, held against what is declared: every difference, what it means and what mends it."""
