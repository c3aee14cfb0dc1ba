"""Reads a directory of Kubernetes manifests."""
