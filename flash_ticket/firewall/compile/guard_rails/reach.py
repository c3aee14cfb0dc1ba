"""Where an object of the cluster lies, and with it a right on it."""

from enum import StrEnum


class Reach(StrEnum):
    """Where a right of the cluster counts."""

    NAMESPACE = "namespace"
    """In the firewalled namespace alone: a Role."""
    CLUSTER = "cluster"
    """On what lies in no namespace: a ClusterRole."""
