"""Pulumi resources only: values in, resources out. `flash_ticket` decides what they should be."""
