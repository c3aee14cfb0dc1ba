"""What one layer of the firewall says of one connection, and why.

The pod layer (NetworkPolicies) and the VPC layer (security groups) both answer in these terms: each side of a
connection is governed by some policies or groups, and their rules let it through or do not.
"""

from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.terms.ports import PortRange


class Direction(StrEnum):
    """The way seen from the pods or interfaces that a rule governs: egress at the source, ingress at the other end."""

    INGRESS = "ingress"
    EGRESS = "egress"

    @property
    def policy_type(self) -> str:
        """The word for it in the policyTypes of a NetworkPolicy."""
        return self.value.capitalize()


class Layer(StrEnum):
    """A firewall that a connection has to pass."""

    POD = "pod"
    VPC = "vpc"


class Outcome(StrEnum):
    """Why one side lets a connection through or stops it."""

    UNGOVERNED = "nothing governs this side"
    ALLOWED = "a rule allows it"
    NO_RULE_FOR_PEER = "no rule names the peer"
    NO_RULE_FOR_PORT = "rules name the peer, none of them this port"
    REPLY = "a reply needs no rule"

    @property
    def passes(self) -> bool:
        """Whether the connection gets through this side."""
        return self in (Outcome.UNGOVERNED, Outcome.ALLOWED, Outcome.REPLY)


@dataclass(frozen=True, slots=True, order=True)
class RuleReference:
    """One rule, as its owner finds it again.

    Attributes:
        owner: The policy or group that holds it: ``shop/allow-api``, ``sg-api``.
        rule: The rule within: ``egress[0]``, ``tcp-4000-from-gateway``.
        source: The file or account that holds the owner.
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
        endpoint: Whom this side governs.
        peer: The other end.
        outcome: What comes of it.
        governors: The policies that select the endpoint, or the groups it wears; sorted.
        rules: Those that allow the connection; or those that name the peer but not the port; else none. Sorted.
    """

    direction: Direction
    endpoint: str
    peer: str
    outcome: Outcome
    governors: tuple[str, ...] = ()
    rules: tuple[RuleReference, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the connection gets through this side."""
        return self.outcome.passes

    def __str__(self) -> str:
        """Return one sentence, such as ``Ingress: shop/deny-all selects shop/api; no rule names shop/pay``."""
        way = self.direction.policy_type
        governed = f"{way}: {', '.join(self.governors)} governs {self.endpoint}"
        rules = ", ".join(map(str, self.rules))
        match self.outcome:
            case Outcome.UNGOVERNED:
                return f"{way}: nothing governs {self.endpoint}, so everything passes"
            case Outcome.ALLOWED:
                return f"{way}: allowed by {rules}"
            case Outcome.NO_RULE_FOR_PEER:
                return f"{governed}, and no rule names {self.peer}"
            case Outcome.NO_RULE_FOR_PORT:
                return f"{governed}; {rules} names {self.peer}, but not this port"
            case Outcome.REPLY:
                return f"{way}: a reply needs no rule"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a layer says of connections from one endpoint to another on one port or range.

    Attributes:
        layer: Which firewall speaks.
        source: Who opens the connection.
        destination: Who is called.
        port: On which port or ports of the destination.
        egress: The source's side.
        ingress: The destination's side.
    """

    layer: Layer
    source: str
    destination: str
    port: PortRange
    egress: Side
    ingress: Side

    @property
    def passes(self) -> bool:
        """Whether the connection gets through both sides."""
        return self.egress.passes and self.ingress.passes

    @property
    def deciding(self) -> tuple[Side, ...]:
        """The sides to look at: those that stop the connection, or both when it passes."""
        return tuple(side for side in (self.egress, self.ingress) if not side.passes) or (self.egress, self.ingress)
