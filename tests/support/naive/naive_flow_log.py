"""A second evaluator of flow logs, one line after the other; it shares only AWS's definitions with the query."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from ipaddress import ip_address

from flash_ticket.traffic.records.record import Scope

WITH_PORTS = {6, 17, 132}
REVERSED = {"ingress": "egress", "egress": "ingress", None: None}


@dataclass(frozen=True)
class Line:
    """A line of a flow log; None for a field with ``-``."""

    interface_id: str | None = None
    srcaddr: str | None = "10.0.0.1"
    dstaddr: str | None = "10.0.0.2"
    pkt_srcaddr: str | None = None
    pkt_dstaddr: str | None = None
    srcport: int | None = 40000
    dstport: int | None = 80
    protocol: int | None = 6
    tcp_flags: int | None = None
    flow_direction: str | None = None
    start: int | None = 100
    end: int | None = 160
    action: str | None = "ACCEPT"
    reject_reason: str | None = None
    log_status: str | None = "OK"

    @property
    def sender(self) -> str | None:
        return self.pkt_srcaddr or self.srcaddr

    @property
    def receiver(self) -> str | None:
        return self.pkt_dstaddr or self.dstaddr


def silent(word: str) -> Line:
    """Return a line for an interval without traffic (NODATA) or with records that AWS lost (SKIPDATA)."""
    return Line(
        srcaddr=None,
        dstaddr=None,
        srcport=None,
        dstport=None,
        protocol=None,
        start=5,
        end=6,
        action=None,
        log_status=word,
    )


NAMES = tuple(field.name for field in fields(Line))

Key = tuple[str | int | None, ...]
"""Disposition, source, destination, protocol, port, direction, reason, interface.

Then the number of moments before the line, unless it is 0, and the times of a line that contains a moment.
"""

Summed = dict[Key, tuple[int, int, int]]
"""The number of lines, the first second and the last."""


@dataclass(frozen=True)
class Call:
    """The connection of a well-formed line, with replies turned around."""

    source: str
    destination: str
    protocol: int
    port: int
    direction: str | None
    sides: tuple[int, int]
    shows_answer: bool
    line: Line

    def is_like(self, other: "Call") -> bool:
        ends = (self.source, self.destination, self.protocol, self.port, self.sides[0])
        return ends == (other.source, other.destination, other.protocol, other.port, other.sides[0])

    @property
    def crosses(self) -> bool:
        return self.sides[0] != self.sides[1]

    @property
    def seen(self) -> tuple[str | None, str | None, str | None]:
        return (self.direction, self.line.interface_id, self.line.reject_reason)


def outcome(lines: Sequence[Line], scope: Scope) -> tuple[dict[str, int], Summed]:
    """Return how many lines there are of each kind, and the records of the well-formed lines."""
    wanted = [line for line in lines if is_wanted(line, scope)]
    calls = [call(line, scope) for line in wanted if kind(line) == "recorded"]
    records: Summed = {}
    for each in calls:
        key = record_key(each, [other for other in calls if other.is_like(each)])
        begin, end = int(each.line.start or 0), int(each.line.end or 0)
        count, first, last = records.get(key, (0, begin, end))
        records[key] = (count + 1, min(first, begin), max(last, end))
    return dict(Counter(map(kind, wanted))), records


def is_wanted(line: Line, scope: Scope) -> bool:
    if scope.since is not None and line.end is not None and line.end < scope.since:
        return False
    return not (scope.until is not None and line.start is not None and line.start >= scope.until)


def kind(line: Line) -> str:
    if line.log_status in {"NODATA", "SKIPDATA"}:
        return line.log_status
    return "recorded" if is_well_formed(line) else "malformed"


def is_well_formed(line: Line) -> bool:
    if line.protocol is None or line.start is None or line.end is None:
        return False
    for port in (line.srcport, line.dstport):
        if (port is None and line.protocol in WITH_PORTS) or not 0 <= (port or 0) <= 65535:
            return False
    try:
        ip_address(line.sender or ""), ip_address(line.receiver or "")
    except ValueError:
        return False
    return (
        0 <= line.protocol <= 255
        and 0 <= line.start <= line.end
        and line.action in {"ACCEPT", "REJECT"}
        and 0 <= (line.tcp_flags or 0) <= 255
        and line.flow_direction in REVERSED
        and line.log_status in {None, "OK"}
    )


def is_reply(line: Line, scope: Scope) -> bool:
    source, destination = line.srcport or 0, line.dstport or 0
    if line.protocol not in WITH_PORTS:
        return False
    if line.protocol == 6 and (line.tcp_flags or 0) & 2:
        return bool((line.tcp_flags or 0) & 16)
    answers, calls = (line.protocol, source) in scope.listening, (line.protocol, destination) in scope.listening
    return answers if answers != calls else 0 < source < destination


def call(line: Line, scope: Scope) -> Call:
    reply = is_reply(line, scope)
    ends = [str(ip_address(line.sender or "")), str(ip_address(line.receiver or ""))]
    port = (line.srcport if reply else line.dstport) if line.protocol in WITH_PORTS else 0
    before = sum(moment <= (line.start or 0) for moment in scope.moments)
    return Call(
        source=ends[1] if reply else ends[0],
        destination=ends[0] if reply else ends[1],
        protocol=line.protocol or 0,
        port=port or 0,
        direction=REVERSED[line.flow_direction] if reply else line.flow_direction,
        sides=(before, sum(moment <= (line.end or 0) for moment in scope.moments)),
        shows_answer=reply
        or line.protocol not in WITH_PORTS
        or (line.protocol == 6 and line.tcp_flags not in {None, 2}),
        line=line,
    )


def record_key(each: Call, alike: Sequence[Call]) -> Key:
    accepted = [other for other in alike if other.line.action == "ACCEPT"]
    rejected = sorted((other.seen for other in alike if other.line.action == "REJECT"), key=missing_last)
    seen: tuple[str | None, str | None, str | None] = (None, None, None)
    if each.line.action == "REJECT":
        disposition, seen = "stopped", each.seen
    elif each.crosses or any(other.shows_answer for other in accepted):
        disposition = "passed"
    elif rejected:
        disposition, seen = "stopped", rejected[0]
    elif all(other.protocol == 6 and other.line.tcp_flags == 2 for other in accepted if not other.crosses):
        disposition = "unanswered"
    else:
        disposition = "passed"
    direction, interface, reason = seen
    times = (each.line.start, each.line.end) if each.crosses else ()
    side = (each.sides[0],) if each.sides[0] else ()
    ends = (each.source, each.destination, each.protocol, each.port)
    return (disposition, *ends, direction, reason or "", interface or "", *side, *times)


def missing_last(seen: tuple[str | None, ...]) -> list[tuple[bool, str]]:
    return [(value is None, value or "") for value in seen]
