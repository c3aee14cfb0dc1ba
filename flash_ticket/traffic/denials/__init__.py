"""What was denied, which layer denied it, and why."""
