"""What recorded traffic shows, in words and as JSON."""
