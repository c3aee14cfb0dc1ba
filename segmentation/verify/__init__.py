"""What lives held against what is declared: every difference, with what it means and what mends it."""
