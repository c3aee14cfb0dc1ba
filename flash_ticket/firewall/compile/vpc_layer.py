"""The VPC layer: security groups, their rules, and their attachments to pods.

Groups refer to each other only in separate rules, so that there is no cycle and a new flow replaces nothing. Existing
groups (datastores, nodes, cluster) get rules, but the program does not own them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY, PART_OF_LABEL
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction

_DESCRIPTION_LIMIT = 255
"""The maximum length of a rule's description (EC2 API reference, IpRange and UserIdGroupPair)."""


@dataclass(frozen=True, slots=True, order=True)
class OwnGroup:
    """A security group that this program creates, for the load balancer or for a service."""

    label: str


Holder = OwnGroup | Group
RulePeer = OwnGroup | Group | PrefixList | Network


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule of one security group.

    Attributes:
        holder: The group of the rule.
        peer: The source (ingress) or destination (egress) of the allowed connections.
        flows: The flows that need the rule, sorted: ``api to redis``.
        id_of_others: The id of a rule of others; empty for a rule of this program.
    """

    holder: Holder
    direction: Direction
    peer: RulePeer
    ports: PortRange
    flows: tuple[str, ...]
    id_of_others: str = ""

    @property
    def name(self) -> str:
        """A unique name that says what the rule allows, such as ``api-egress-tcp-4000-to-pay``."""
        if self.id_of_others:
            return self.id_of_others
        side = "from" if self.direction is Direction.INGRESS else "to"
        protocol = self.ports.protocol.lower()
        return f"{self.holder.label}-{self.direction}-{protocol}-{self.ports.numbers}-{side}-{label_of(self.peer)}"

    @property
    def description(self) -> str:
        """The rule's flows, shortened to the maximum length of a description."""
        words = ", ".join(self.flows)
        if len(words) <= _DESCRIPTION_LIMIT:
            return words
        return f"{self.flows[0]} and {len(self.flows) - 1} more"


@dataclass(frozen=True, slots=True)
class PodAttachment:
    """The groups of a service's pods (a SecurityGroupPolicy, vpcresources.k8s.aws/v1beta1).

    Attributes:
        namespace: The namespace of the pods, if that is not the one that the firewall is named after.
    """

    service: str
    pods: Labels
    groups: tuple[OwnGroup, ...]
    namespace: str | None = None

    def manifest(self, home: str, group_ids: Sequence[object]) -> dict[str, Any]:
        """Return the object for the API server.

        Args:
            home: The namespace that the firewall is named after.
            group_ids: The ids of the groups, ``sg-...``, or what Pulumi replaces with them.
        """
        labels = {"app.kubernetes.io/managed-by": MANAGED_BY, PART_OF_LABEL: home}
        return {
            "apiVersion": "vpcresources.k8s.aws/v1beta1",
            "kind": "SecurityGroupPolicy",
            "metadata": {"name": self.service, "namespace": self.namespace or home, "labels": labels},
            "spec": {
                "podSelector": {"matchLabels": dict(self.pods)},
                "securityGroups": {"groupIds": [*group_ids]},
            },
        }


@dataclass(frozen=True, slots=True)
class Coarse:
    """The rules of one group and direction. Some of them are coarser than declared.

    Attributes:
        exact: The number of exact rules, with the others there.
        rules: The names of the coarse rules.
    """

    holder: Holder
    direction: Direction
    exact: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VpcFirewall:
    """The compiled VPC layer, sorted by name.

    Attributes:
        coarse: Where rules are coarser than declared, so that a group is within AWS's quota.
    """

    groups: tuple[OwnGroup, ...]
    rules: tuple[GroupRule, ...]
    attachments: tuple[PodAttachment, ...]
    coarse: tuple[Coarse, ...] = ()


def group_of_all_pods(namespace: str) -> OwnGroup:
    """Return the group that the pods of all services carry beside their service's own, in every namespace of theirs.

    There is one for each firewall, and the namespace is the one that it is named after: the rules in groups of others
    do not multiply with the namespaces. No service or external has such a name, because theirs contain no dots.
    """
    return OwnGroup(f"pods.{namespace}")


def label_of(peer: RulePeer) -> str:
    """Return the name of a peer in rule names and messages."""
    if isinstance(peer, Network):
        return str(peer)
    # Only AWS's own lists have unique names that never change (VPC User Guide, "Managed prefix lists").
    if isinstance(peer, PrefixList) and not peer.label.startswith("com.amazonaws."):
        return peer.id
    return peer.label
