"""Pulumi resources only: values in, resources out. What they should be is decided in `flash_ticket`."""
