"""What a log says of traffic, in one form whatever the log: who called whom on which port, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.verdict import Direction, Layer


@dataclass(slots=True)
class Reading:
    """Counts that add up: every line is a record that was yielded, malformed, or without traffic.

    Attributes:
        told: Lines that became records; the sum of their ``count``.
        malformed: Lines that are not understood.
        no_data: Flow-log lines NODATA: the interface was silent.
        skip_data: Flow-log lines SKIPDATA: AWS lost records.
        other: Lines that decide nothing about traffic: other messages of the agent, verdicts that are no decision.
        first_malformed: The place of the first malformed line and what is wrong with it.
    """

    told: int = 0
    malformed: int = 0
    no_data: int = 0
    skip_data: int = 0
    other: int = 0
    first_malformed: str = ""

    @property
    def read(self) -> int:
        """Lines about traffic, malformed ones among them."""
        return self.told + self.malformed

    def refuse(self, place: str, problem: str, count: int = 1) -> None:
        """Count malformed lines; the place of the first is kept.

        Args:
            place: Such as ``flows.log:17``.
            problem: What is wrong there.
            count: How many lines.
        """
        self.malformed += count
        self.first_malformed = self.first_malformed or f"{place}: {problem}"


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


def is_reply(protocol: int, source_port: int, destination_port: int, listening: frozenset[tuple[int, int]]) -> bool:
    """Tell whether a packet answers a call, as far as its ports tell.

    A port that is known to be called decides; where both or neither are, the smaller number was called, as callers'
    ports are high (RFC 6056, 2.1: from 49152; Linux: from 32768).

    Args:
        protocol: IANA's number.
        source_port: 0 where there is none: then the packet is a call.
        destination_port: Likewise.
        listening: `flash_ticket.traffic.records.record.Scope.listening`.
    """
    called_back, called = (protocol, source_port) in listening, (protocol, destination_port) in listening
    if called_back != called:
        return called_back
    return 0 < source_port < destination_port


def turned(direction: Direction | None) -> Direction | None:
    """Return the direction of a connection whose reply was seen going this way."""
    match direction:
        case Direction.INGRESS:
            return Direction.EGRESS
        case Direction.EGRESS:
            return Direction.INGRESS
    return None
