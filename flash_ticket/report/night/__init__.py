"""One page for the night: what is denied, what changed, what is suspended, what drifts, and what to do next."""
