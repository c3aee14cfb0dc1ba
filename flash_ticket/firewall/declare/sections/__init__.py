"""The sections of a binding, a file each."""
