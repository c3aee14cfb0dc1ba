"""Log lines as typed records, a module for each source."""
