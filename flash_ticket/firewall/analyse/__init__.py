"""Who reaches whom, by any Kubernetes manifests."""
