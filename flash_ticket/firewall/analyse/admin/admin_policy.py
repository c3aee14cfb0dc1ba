"""Policies of administrators as values (Network Policy API, policy.networking.k8s.io: v1alpha1, v1alpha2, v1beta1).

An AdminNetworkPolicy and a ClusterNetworkPolicy of the tier Admin come before every NetworkPolicy. A
BaselineAdminNetworkPolicy and a ClusterNetworkPolicy of the tier Baseline come after them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from flash_ticket.firewall.analyse.policy import AddressPeer, Peer, PodPeer, RulePorts
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.verdict import Direction, RuleReference

GROUP = "policy.networking.k8s.io"


class Tier(IntEnum):
    """The place of a policy in the order of decisions."""

    ADMIN = 1
    """Before NetworkPolicies."""
    BASELINE = 2
    """After NetworkPolicies, for pods that no NetworkPolicy selects in the direction."""


class Action(Enum):
    """What a rule does with the connections that it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"  # noqa: S105 - not a password
    """Skip the rest of the tier: the next tier decides."""


@dataclass(frozen=True, slots=True)
class AdminRule:
    """One entry of ``ingress`` or ``egress``.

    Attributes:
        index: Its index in the list, from 0.
        action: What it does.
        peers: The peers that it matches; a connection to any of them matches. At least one.
        ports: The ports of the destination that it matches.
    """

    index: int
    action: Action
    peers: tuple[Peer, ...]
    ports: RulePorts

    def blocks(self) -> Iterator[AddressRange]:
        """Yield the addresses of the peers that are networks."""
        for peer in self.peers:
            if isinstance(peer, AddressPeer):
                yield from peer.ranges


@dataclass(frozen=True, slots=True, eq=False)
class AdminPolicy:
    """One policy of an administrator.

    Attributes:
        kind: Its kind: ``AdminNetworkPolicy``.
        name: Its name; the policy belongs to no namespace.
        source: The file that contains it.
        tier: Whether it comes before or after NetworkPolicies.
        priority: Within the tier, the lowest number decides first.
        subject: The pods whose connections it decides about. Its namespaces are never None.
        rules: By direction, in the order of their precedence. A direction without rules is not affected.
    """

    kind: str
    name: str
    source: str
    tier: Tier
    priority: int
    subject: PodPeer
    rules: Mapping[Direction, tuple[AdminRule, ...]]

    def __str__(self) -> str:
        """Return ``AdminNetworkPolicy quarantine``."""
        return f"{self.kind} {self.name}"

    def pod_peers(self) -> Iterator[PodPeer]:
        """Yield everything that selects pods: the subject, and peers of rules."""
        yield self.subject
        for rules in self.rules.values():
            for rule in rules:
                yield from (peer for peer in rule.peers if isinstance(peer, PodPeer))

    def reference(self, direction: Direction, rule: AdminRule) -> RuleReference:
        """Return a rule by names that lead a person to it."""
        return RuleReference(str(self), f"{direction}[{rule.index}]", self.source)

    def blocks(self, direction: Direction) -> Iterator[AddressRange]:
        """Yield the addresses that rules of a direction name."""
        for rule in self.rules.get(direction, ()):
            yield from rule.blocks()


def in_order(policy: AdminPolicy) -> tuple[Tier, int, str, str]:
    """Return the key that sorts policies by precedence; policies of equal precedence by their names."""
    return policy.tier, policy.priority, policy.kind, policy.name
