"""The vocabulary: ports, addresses, connections, changes, verdicts, input errors."""
