"""Record every write of an engine run and what was deployed after it, and inject a fault at any write."""
