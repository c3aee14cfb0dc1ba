"""What happens to pods, and which firewall stands meanwhile."""

from enum import StrEnum


class Event(StrEnum):
    """What happens."""

    RESTART = "a pod restarts"
    """One of two pods of a service is deleted, and gets some seconds to end; its ReplicaSet starts another one."""

    SCALE_OUT = "one pod more"
    SCALE_IN = "one pod less"
    NODE_LOST = "the node is lost"
    """All pods end at once. The enforcer is killed, drops what it had in the kernel, and starts; then pods start."""


class Standing(StrEnum):
    """The firewall that stands."""

    NONE = "none"
    PODS = "pods"
    """Both layers; each pod has an interface with the groups of its service."""

    NODES = "nodes"
    """Both layers; all pods share the interface of the node."""
