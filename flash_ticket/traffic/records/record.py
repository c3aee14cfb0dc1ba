"""What a log says of traffic, in one form whatever the log: who called whom on which port, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.direction import Direction
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.traffic.records.reading import Reading


class Evidence(StrEnum):
    """The log that tells."""

    FLOW_LOG = "VPC flow log"
    HUBBLE = "Hubble"
    POLICY_AGENT = "AWS network policy agent"

    @property
    def layer(self) -> Layer:
        """The firewall whose decisions the log shows: a drop of the other one never appears in it."""
        return Layer.VPC if self is Evidence.FLOW_LOG else Layer.POD


class Disposition(StrEnum):
    """What came of the traffic, as far as the log's layer knows."""

    PASSED = "passed"
    STOPPED = "stopped"
    UNANSWERED = "unanswered"
    """The VPC layer let it through and no reply came: stopped at a pod, or nobody listens."""


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """A pod as a log names it.

    Attributes:
        labels: Sorted pairs; without the log's own prefix (``k8s:``).
    """

    namespace: str
    name: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection.

    Attributes:
        address: In canonical form; empty where the log gives none.
        pod: What the log itself knows of a pod there.
    """

    address: str
    pod: PodIdentity | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Lines of one log that differ in nothing but their time and the caller's port, counted.

    Attributes:
        source: Who opened the connection, also where the log wrote down a reply.
        destination: Who was called.
        protocol: IANA's number: 6 is TCP, 17 UDP.
        port: The port that was called; 0 where the protocol has none.
        direction: At which end it was seen: egress at the source, ingress at the destination; None where unknown.
        reason: The log's own words for why, such as ``POLICY_DENIED``; empty where it gives none.
        interface: The network interface that stopped it (``eni-...``); empty elsewhere.
        count: How many lines.
        first: When the earliest began, in seconds since 1970, UTC.
        last: When the latest ended.
    """

    evidence: Evidence
    disposition: Disposition
    source: End
    destination: End
    protocol: int
    port: int
    direction: Direction | None
    reason: str
    interface: str
    count: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a log is wanted.

    Attributes:
        since: Only what ended at this time or later, in seconds since 1970; None for everything.
        until: Only what began before this time; None for everything.
        moments: When an address changed hands, sorted: lines on different sides of one are never counted together,
            and a line that reaches over one makes a record of its own.
        listening: The numbers of protocols with ports that are known to be called, which tells calls from replies.
    """

    since: float | None = None
    until: float | None = None
    moments: tuple[float, ...] = ()
    listening: frozenset[tuple[int, int]] = frozenset()


class Log(Protocol):
    """One source of records: a file, a folder of files, a log group."""

    @property
    def name(self) -> str:
        """How the user named it."""

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield what the log tells, and count in ``reading`` what was read.

        Records may be yielded more than once for the same ends and port; whoever sums them up adds the counts.

        Raises:
            InputError: The log cannot be read at all.
        """
