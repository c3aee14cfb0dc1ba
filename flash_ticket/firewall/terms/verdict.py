"""The verdict of one layer on one connection, with the reason.

The pod layer (NetworkPolicies) and the VPC layer (security groups) answer in the same terms: policies or groups govern
each side of a connection, and their rules allow the connection or do not.
"""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.terms.ports import PortRange


class Direction(StrEnum):
    """The direction as the governed pods or interfaces see it: egress at the source, ingress at the destination."""

    INGRESS = "ingress"
    EGRESS = "egress"

    @property
    def policy_type(self) -> str:
        """The value in the policyTypes of a NetworkPolicy."""
        return self.value.capitalize()


class Layer(StrEnum):
    """One of the two firewalls that a connection must pass."""

    POD = "pod"
    VPC = "vpc"


class Outcome(StrEnum):
    """Why one side allows or denies a connection."""

    UNGOVERNED = "nothing governs this side"
    ALLOWED = "a rule allows it"
    NO_RULE_FOR_PEER = "no rule names the peer"
    NO_RULE_FOR_PORT = "rules name the peer, none of them this port"
    DENIED = "a rule of an administrator denies it"
    BY_DEFAULT = "no rule of an administrator matches, and no NetworkPolicy selects this side"
    REPLY = "a reply needs no rule"
    OTHERS = "others own the group, and rules of theirs may allow it"

    @property
    def passes(self) -> bool:
        """Whether this side allows the connection."""
        return self in (Outcome.UNGOVERNED, Outcome.ALLOWED, Outcome.BY_DEFAULT, Outcome.REPLY, Outcome.OTHERS)


@dataclass(frozen=True, slots=True, order=True)
class RuleReference:
    """One rule, by names that lead a person to it.

    Attributes:
        owner: The policy or group that contains the rule: ``shop/allow-api``, ``sg-api``.
        rule: The rule within its owner: ``egress[0]``, ``tcp-4000-from-gateway``.
        source: The file or account that contains the owner.
    """

    owner: str
    rule: str
    source: str = ""

    def __str__(self) -> str:
        """Return ``shop/allow-api egress[0]``."""
        return f"{self.owner} {self.rule}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side's part of a verdict.

    Attributes:
        direction: Egress at the source, ingress at the destination.
        endpoint: The endpoint on this side.
        peer: The endpoint on the other side.
        outcome: Whether this side allows the connection, and why.
        governors: The policies that select the endpoint, or the groups on its interface; sorted.
        rules: The rules that allow the connection, or else those that name the peer but not the port; sorted.
    """

    direction: Direction
    endpoint: str
    peer: str
    outcome: Outcome
    governors: tuple[str, ...] = ()
    rules: tuple[RuleReference, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether this side allows the connection."""
        return self.outcome.passes

    def __str__(self) -> str:
        """Return one sentence, such as ``Ingress: shop/deny-all selects shop/api; no rule names shop/pay``."""
        return f"{self.direction.policy_type}: {self._said}"

    @property
    def _said(self) -> str:
        governed = f"{', '.join(self.governors)} governs {self.endpoint}"
        rules = ", ".join(map(str, self.rules))
        return {
            Outcome.UNGOVERNED: f"nothing governs {self.endpoint}, so everything passes",
            Outcome.ALLOWED: f"allowed by {rules}",
            Outcome.NO_RULE_FOR_PEER: f"{governed}, and no rule names {self.peer}",
            Outcome.NO_RULE_FOR_PORT: f"{governed}; {rules} names {self.peer}, but not this port",
            Outcome.DENIED: f"denied by {rules}",
            Outcome.BY_DEFAULT: f"{governed}, and none of its rules matches, so everything passes",
            Outcome.REPLY: "a reply needs no rule",
            Outcome.OTHERS: f"{governed}; others own it, and rules of theirs may allow {self.peer}",
        }[self.outcome]


class Extent(StrEnum):
    """How much of both ends a verdict is about."""

    WHOLE = "all of their addresses"
    PART = "some of their addresses"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one layer on connections from one endpoint to another, on one port or range.

    Attributes:
        layer: The layer that decides.
        source: The endpoint that opens the connection.
        destination: The endpoint that accepts it.
        port: The port or ports of the destination.
        egress: The source's side.
        ingress: The destination's side.
        extent: How much of both ends it is about.
    """

    layer: Layer
    source: str
    destination: str
    port: PortRange
    egress: Side
    ingress: Side
    extent: Extent = Extent.WHOLE

    @property
    def passes(self) -> bool:
        """Whether both sides allow the connection."""
        return self.egress.passes and self.ingress.passes

    @property
    def deciding(self) -> tuple[Side, ...]:
        """The sides that deny the connection, or both sides if it passes."""
        return tuple(side for side in (self.egress, self.ingress) if not side.passes) or (self.egress, self.ingress)
