"""What is deployed, and what a step from it opens, closes, interrupts, adopts and restores."""
