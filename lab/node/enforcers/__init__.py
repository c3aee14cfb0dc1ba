"""What stops packets on a node: one file for each enforcer, all of one shape."""
