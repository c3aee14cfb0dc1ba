"""From the addresses of a record to the endpoints of the matrix."""
