"""Kubernetes for the lab: etcd, and an API server for each environment, without controllers or nodes."""
