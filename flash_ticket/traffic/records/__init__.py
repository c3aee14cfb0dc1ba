"""Log lines as typed records, with a module for each source."""
