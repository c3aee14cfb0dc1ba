"""What a directory of Kubernetes manifests says: namespaces, workloads, policies, and the services in front of them."""
