"""What stops packets on a node: a file or a room for each enforcer, all of one shape."""
