"""The verdict of one layer on one connection, with the reason.

The pod layer (NetworkPolicies) and the VPC layer (security groups) answer in the same terms: policies or groups govern
each side of a connection, and their rules allow the connection or do not.
"""

from collections.abc import Iterable
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


class Answer(StrEnum):
    """Whether a connection passes."""

    PASSES = "passes"
    STOPPED = "stopped"
    UNKNOWN = "not known without the account"

    @staticmethod
    def of(parts: Iterable["Answer"]) -> "Answer":
        """Return the answer for a connection that must pass all of several sides or layers."""
        found = set(parts)
        return next((each for each in (Answer.STOPPED, Answer.UNKNOWN) if each in found), Answer.PASSES)


class Outcome(StrEnum):
    """Why one side allows or denies a connection."""

    UNGOVERNED = "nothing governs this side"
    ALLOWED = "a rule allows it"
    NO_RULE_FOR_PEER = "no rule names the peer"
    NO_RULE_FOR_PORT = "rules name the peer, none of them this port"
    DENIED = "a rule of an administrator denies it"
    BY_DEFAULT = "no rule of an administrator matches, and no NetworkPolicy selects this side"
    REPLY = "a reply needs no rule"
    UNKNOWN = "others own the group, and only the account knows their rules in it"

    @property
    def answer(self) -> Answer:
        """Whether this side allows the connection."""
        if self is Outcome.UNKNOWN:
            return Answer.UNKNOWN
        passes = self in {Outcome.UNGOVERNED, Outcome.ALLOWED, Outcome.BY_DEFAULT, Outcome.REPLY}
        return Answer.PASSES if passes else Answer.STOPPED


OF_OTHERS = "a rule of others"
"""The source of a rule that others made in a security group of theirs."""


@dataclass(frozen=True, slots=True, order=True)
class RuleReference:
    """One rule, by names that lead a person to it.

    Attributes:
        owner: The policy or group that contains the rule: ``shop/allow-api``, ``sg-api``.
        rule: The rule within its owner: ``egress[0]``, ``tcp-4000-from-gateway``.
        source: The file or account that contains the owner; ``OF_OTHERS`` for a rule of others in a security group.
    """

    owner: str
    rule: str
    source: str = ""

    def __str__(self) -> str:
        """Return ``shop/allow-api egress[0]``, or ``shop-nodes sgr-1 (a rule of others)``."""
        return f"{self.owner} {self.rule}" + (f" ({OF_OTHERS})" if self.source == OF_OTHERS else "")


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
    def answer(self) -> Answer:
        """Whether this side allows the connection."""
        return self.outcome.answer

    @property
    def passes(self) -> bool:
        """Whether this side certainly allows the connection."""
        return self.answer is Answer.PASSES

    @property
    def stops(self) -> bool:
        """Whether this side certainly stops the connection."""
        return self.answer is Answer.STOPPED

    def __str__(self) -> str:
        """Return one sentence, such as ``Ingress: shop/deny-all selects shop/api; no rule names shop/pay``."""
        return f"{self.direction.policy_type}: {self._said}"

    @property
    def _said(self) -> str:
        govern = "govern" if len(self.governors) > 1 else "governs"
        governed = f"{', '.join(self.governors)} {govern} {self.endpoint}"
        rules = ", ".join(map(str, self.rules))
        name = "name" if len(self.rules) > 1 else "names"
        return {
            Outcome.UNGOVERNED: f"nothing governs {self.endpoint}, so everything passes",
            Outcome.ALLOWED: f"allowed by {rules}",
            Outcome.NO_RULE_FOR_PEER: f"{governed}, and no rule names {self.peer}",
            Outcome.NO_RULE_FOR_PORT: f"{governed}; {rules} {name} {self.peer}, but not this port",
            Outcome.DENIED: f"denied by {rules}",
            Outcome.BY_DEFAULT: f"{governed}, and none of its rules matches, so everything passes",
            Outcome.REPLY: "a reply needs no rule",
            Outcome.UNKNOWN: f"{governed}; only the account knows whether rules of others there allow {self.peer}",
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
    def answer(self) -> Answer:
        """Whether the connection passes both sides."""
        return Answer.of(side.answer for side in self.sides)

    @property
    def passes(self) -> bool:
        """Whether both sides certainly allow the connection."""
        return self.answer is Answer.PASSES

    @property
    def stops(self) -> bool:
        """Whether a side certainly stops the connection."""
        return self.answer is Answer.STOPPED

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both sides."""
        return self.egress, self.ingress

    @property
    def deciding(self) -> tuple[Side, ...]:
        """The sides that give the answer: those that deny the connection, or both sides if it passes."""
        return tuple(side for side in self.sides if side.answer is self.answer)
