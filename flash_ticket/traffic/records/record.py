"""Records of traffic in one form for all logs: the ends, the port and the outcome; and how to recognize a reply."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flash_ticket.firewall.terms.verdict import Direction, Layer
from flash_ticket.traffic.records.repeated_lines import RepeatedLines

if TYPE_CHECKING:
    from flash_ticket.firewall.declare.matrix import Labels


@dataclass(slots=True)
class Reading:
    """Counts that add up: every line became part of a record, is malformed, or is not about traffic.

    Attributes:
        recorded: Lines that became records; the sum of their ``count``.
        malformed: Lines that cannot be read.
        no_data: Flow log lines with NODATA: the interface had no traffic.
        skip_data: Flow log lines with SKIPDATA: AWS lost records.
        other: Lines that decide nothing about traffic: other messages of the agent, verdicts without a decision.
            The lines of ``repeated`` and ``aside`` are among them.
        first_malformed: The place of the first malformed line and what is wrong with it.
        repeated: Lines about a denied packet that another line is about already.
        aside: Lines about drops that no policy made and no rule can allow, such as router solicitations, by kind.
        lost: Events that Hubble lost before it could export them.
        notes: What makes the counts incomplete or too large, each in one sentence or two.
        packets: Denied packets that wait for their other line. Files that are read together share it, because an
            export may be rotated between the two lines of a packet.
    """

    recorded: int = 0
    malformed: int = 0
    no_data: int = 0
    skip_data: int = 0
    other: int = 0
    first_malformed: str = ""
    repeated: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    notes: list[str] = field(default_factory=list)
    packets: RepeatedLines = field(default_factory=RepeatedLines, compare=False, repr=False)

    @property
    def read(self) -> int:
        """Lines about traffic, including malformed ones."""
        return self.recorded + self.malformed

    def refuse(self, place: str, problem: str, count: int = 1) -> None:
        """Count malformed lines, and keep the place of the first.

        Args:
            place: The place, such as ``flows.log:17``.
            problem: What is wrong there.
            count: How many lines.
        """
        self.malformed += count
        self.first_malformed = self.first_malformed or f"{place}: {problem}"

    def note(self, text: str) -> None:
        """Keep a note, once."""
        if text not in self.notes:
            self.notes.append(text)


class Evidence(StrEnum):
    """The kind of log that a record comes from."""

    FLOW_LOG = "VPC flow log"
    HUBBLE = "Hubble"
    POLICY_AGENT = "AWS network policy agent"

    @property
    def layer(self) -> Layer:
        """The layer whose decisions the log shows: it never shows a drop of the other layer."""
        return Layer.VPC if self is Evidence.FLOW_LOG else Layer.POD


class Disposition(StrEnum):
    """The outcome of the traffic, as far as the log's layer knows."""

    PASSED = "passed"
    STOPPED = "stopped"
    UNANSWERED = "unanswered"
    """The VPC layer allowed it, but no reply came: it was stopped at the pod, or nothing listens."""


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """A pod as a log names it.

    Attributes:
        labels: Sorted pairs, without the log's own prefix (``k8s:``).
    """

    namespace: str
    name: str
    labels: "Labels"


class NonPod(StrEnum):
    """What a log says about an end that is not a pod."""

    HOST = "the node that wrote the line"
    NODE = "another node, or a part of the network plug-in"
    WORLD = "outside the cluster"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection.

    Attributes:
        address: In canonical form; empty if the log contains none.
        pod: The pod, if the log itself names it.
        nonpod: What the end is instead of a pod, if the log itself says so.
        names: A few domain names for which DNS gave callers this address, sorted, if the log itself says so.
    """

    address: str
    pod: PodIdentity | None = None
    nonpod: NonPod | None = None
    names: tuple[str, ...] = ()


class Record(NamedTuple):
    """The count of lines of one log that differ only in their time and the caller's port.

    It is a tuple because logs have many: a frozen dataclass takes four times as long to make.

    Attributes:
        source: The end that opened the connection, also if the line is about a reply.
        destination: The end that was called.
        protocol: IANA's number: 6 is TCP, 17 UDP.
        port: The port that was called; 0 if the protocol has none.
        direction: The end where it was recorded: egress at the source, ingress at the destination; None if unknown.
        reason: The log's own reason, such as ``POLICY_DENIED``; empty if there is none.
        interface: The network interface that stopped it (``eni-...``); otherwise empty.
        count: How many lines.
        first: When the earliest line began, in seconds since 1970, UTC.
        last: When the latest line ended, in seconds since 1970, UTC.
        name: The name that a DNS rule refused, in lower case without a final dot; `UNKNOWN_NAME` if the log leaves it
            out. Empty if the record is not about a refused name.
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
    count: int  # type: ignore[assignment] # a tuple has a method of that name
    first: float
    last: float
    name: str = ""


UNKNOWN_NAME = "?"
"""No DNS name contains it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which records of a log to read, and how to split them.

    Attributes:
        since: Only traffic that ended at this time or later, in seconds since 1970; None for all.
        until: Only traffic that began before this time; None for all.
        moments: The times when an address moved to another pod, sorted. Lines before and after such a time are never
            counted together, and a line that spans one becomes a separate record.
        listening: The protocol numbers and ports that are known to be called, to distinguish calls from replies.
    """

    since: float | None = None
    until: float | None = None
    moments: tuple[float, ...] = ()
    listening: frozenset[tuple[int, int]] = frozenset()


class Log(Protocol):
    """One source of records: a file, a folder of files, a log group."""

    @property
    def name(self) -> str:
        """The name that the user gave it."""

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of the log, and count in ``reading`` what was read.

        There may be several records for the same ends and port; their counts have to be added.

        Raises:
            InputError: The log cannot be read at all.
        """


def is_reply(protocol: int, source_port: int, destination_port: int, listening: frozenset[tuple[int, int]]) -> bool:
    """Return whether a packet is a reply, by its ports.

    A port that is known to be called decides. If both or neither are known, the smaller one was called, because the
    ports of callers are high (RFC 6056, 2.1: from 49152; Linux: from 32768).

    Args:
        protocol: IANA's number.
        source_port: The sender's port; 0 if there is none: then the packet is a call.
        destination_port: The receiver's port; 0 if there is none.
        listening: `flash_ticket.traffic.records.record.Scope.listening`.
    """
    called_back, called = (protocol, source_port) in listening, (protocol, destination_port) in listening
    if called_back != called:
        return called_back
    return 0 < source_port < destination_port


def turned(direction: Direction | None) -> Direction | None:
    """Return the direction of a connection whose reply has this direction."""
    match direction:
        case Direction.INGRESS:
            return Direction.EGRESS
        case Direction.EGRESS:
            return Direction.INGRESS
    return None
