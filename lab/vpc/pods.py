"""How pods meet the VPC: on which nodes they are, and what of their traffic their own interfaces judge."""

from dataclasses import dataclass
from enum import Enum

from lab.vpc.account import Address, Network


class Placement(Enum):
    """Where pods are; the lab has one node, so the imitation has to know what it stands for."""

    SPREAD = "spread"
    """Each pod is as though on a node of its own."""

    TOGETHER = "together"
    """All pods are on one node."""


class PodMode(Enum):
    """What a pod's own interface judges, as ``POD_SECURITY_GROUP_ENFORCING_MODE`` of the VPC CNI says."""

    STRICT = "strict"
    """All traffic of the pod."""

    STANDARD = "standard"
    """Not traffic on the pod's node, and not connections that the pod opens to outside the VPC through its node."""


class SourceTranslation(Enum):
    """Who gives connections from pods to outside the VPC another source, as ``AWS_VPC_K8S_CNI_EXTERNALSNAT`` says."""

    NODE = "node"
    """The node does: they leave with the node's address, through the node's interface."""

    EXTERNAL = "external"
    """A NAT gateway does, or nobody: they leave through the pod's interface."""


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of the lab's node.

    A pod whose address belongs to an interface is judged by the groups of that interface. The others share the
    interface that has the node's address.

    Attributes:
        node: The node's address.
        networks: Where the addresses of pods are; other hosts have none of these.
        placement: Where the pods are.
        mode: What a pod's own interface judges.
        translation: Who gives connections to outside the VPC another source.
    """

    node: Address
    networks: tuple[Network, ...]
    placement: Placement = Placement.SPREAD
    mode: PodMode = PodMode.STRICT
    translation: SourceTranslation = SourceTranslation.NODE
