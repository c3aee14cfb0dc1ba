"""Reads YAML: declared files and manifests, each by its own rules."""
