"""Pods that restart, further replicas and a lost node, while declared connections are tried: what both layers cost."""
