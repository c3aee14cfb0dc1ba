"""Reachability between the workloads of any Kubernetes manifests."""
