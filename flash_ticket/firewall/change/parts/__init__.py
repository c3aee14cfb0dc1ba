"""The parts of a firewall that a program can declare alone."""
