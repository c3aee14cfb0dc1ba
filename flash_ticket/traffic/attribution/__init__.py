"""Attribution of the addresses in records to the endpoints of the matrix."""
