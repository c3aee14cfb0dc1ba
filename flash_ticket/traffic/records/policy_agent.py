"""The log of the AWS network policy agent, from a node or from CloudWatch, as records of what it allowed and denied."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from flash_ticket.firewall.terms.ports import MAX_PORT
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.gathering import Gathering
from flash_ticket.traffic.records.lines import LineReader
from flash_ticket.traffic.records.policy_agent_line import (
    EARLIEST,
    LATEST,
    Earlier,
    Message,
    PolicyEvent,
    address_in,
    event_in,
    messages_of,
    parts_of,
)
from flash_ticket.traffic.records.printed_events import PrintedEvents
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Reading, Record, Scope, is_reply, turned

_DISPOSITIONS: Final = {"ACCEPT": Disposition.PASSED, "DENY": Disposition.STOPPED}
_NO_DECISION = "EXPIRED/DELETED"
_DIRECTIONS: Final = {"ingress": Direction.INGRESS, "egress": Direction.EGRESS, "": None}
_WITH_PORTS: Final = {"TCP": 6, "UDP": 17, "SCTP": 132}
_WITHOUT_PORTS: Final = {"ICMP": 1, "UNKNOWN": 0, "RESERVED": 0, "ANY PROTOCOL": 0}
_NO_TIME = "it has no time: save the events with `aws logs filter-log-events`, which includes the time of each"
_Meaning = TypeVar("_Meaning")


class _LineGroup(NamedTuple):
    """What distinguishes lines from each other."""

    disposition: Disposition
    source: str
    destination: str
    protocol: int
    port: int
    direction: Direction | None
    reason: str


class PolicyAgentReader:
    """Lines of ``network-policy-agent.log``, or the agent's audit lines from CloudWatch Logs.

    - ACCEPT counts as passed, DENY as stopped; EXPIRED/DELETED and all other messages decide nothing.
    - The reason is the tier that decided (``NETWORK_POLICY``, ``DEFAULT``...), if the agent has version 1.3.0 or later.
    - The agent logs packets, including replies. `flash_ticket.traffic.records.record.is_reply` distinguishes them from
      calls by their ports, as in flow logs. A reply that was stopped counts for the connection that it answers, as
      recorded at the other end.
    - If the agent knows no protocol, the protocol is 0.
    - The agent leaves out zeros at the end of an IPv4 address: ``172.20.112`` is read as 172.20.112.0.
    - A line that is cut counts as malformed, because a part of it is missing. A whole line behind it, without a line
      feed between them, is read and counted as a line of its own.
    - An audit line contains no time. The output of ``aws logs filter-log-events``, ``get-log-events`` and ``tail``, as
      JSON or text, and lines after a time (ISO 8601, or milliseconds since 1970) are accepted. An audit line without a
      time is malformed, because no time is invented.
    """

    __slots__ = ("_earlier", "_gathered", "_listening", "_printed", "_reading")

    def __init__(self, scope: Scope, reading: Reading) -> None:
        self._reading = reading
        self._earlier = Earlier(scope.since)
        self._listening = scope.listening
        self._gathered: Gathering[_LineGroup] = Gathering(scope, reading)
        self._printed = PrintedEvents()

    def records(self, lines: LineReader) -> Iterator[Record]:
        """Yield the summed up records, each time when many kinds are held, and at the end."""
        printed = self._printed
        for batch in lines.batches(self._reading):
            for index, text in enumerate(batch.lines):
                if self._earlier.has(text):
                    continue
                place = batch.place(index)
                for part in parts_of(text):
                    self._read(part, place)
            if self._gathered.is_full:
                yield from self._gathered.release()
        printed.end()
        self._take_printed()
        yield from self._gathered.release()

    def _read(self, text: bytes, place: str) -> None:
        # JSON, times and addresses in a line can be wrong in many ways.
        try:
            messages = self._messages(text, place)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._reading.refuse(place, str(error))
            return
        for message in messages:
            self._take(message, place)
        self._take_printed()

    def _take_printed(self) -> None:
        for event in self._printed.complete():
            self._take(Message(event.message, event.time), event.place)

    def _messages(self, text: bytes, place: str) -> list[PolicyEvent | Message]:
        """Return the messages of a line; a line without one that is not part of a printed event is counted here."""
        has_message = self._printed.takes(text, place)
        messages = messages_of(text) if has_message is None else []
        self._reading.other += not messages and not has_message
        return messages

    def _take(self, message: PolicyEvent | Message, place: str) -> None:
        try:
            event = message if isinstance(message, PolicyEvent) else event_in(message)
            if event is None or event.verdict == _NO_DECISION:
                self._reading.other += 1
            else:
                self._count(event)
        except ValueError as error:
            self._reading.refuse(place, str(error))

    def _count(self, event: PolicyEvent) -> None:
        if event.time is None:
            raise ValueError(_NO_TIME)
        if not EARLIEST <= event.time <= LATEST:
            raise ValueError("its time is outside the years 1 to 9999")
        kind = _kind(event, self._listening)
        if not self._gathered.add(kind, event.time):
            record = Record(
                Evidence.POLICY_AGENT,
                kind.disposition,
                End(kind.source),
                End(kind.destination),
                kind.protocol,
                kind.port,
                kind.direction,
                kind.reason,
                interface="",
                count=1,
                first=event.time,
                last=event.time,
            )
            self._gathered.begin(kind, event.time, record)


def _kind(event: PolicyEvent, listening: frozenset[tuple[int, int]]) -> _LineGroup:
    """Return the kind of an event, by its connection.

    Raises:
        ValueError: A word, a port or an address is invalid.
    """
    disposition = _known(_DISPOSITIONS, event.verdict, "verdict")
    direction = _known(_DIRECTIONS, event.direction, "direction")
    source, destination = address_in(event.source), address_in(event.destination)
    if event.protocol in _WITHOUT_PORTS:
        return _LineGroup(disposition, source, destination, _WITHOUT_PORTS[event.protocol], 0, direction, event.tier)
    protocol = _known(_WITH_PORTS, event.protocol, "protocol")
    if not 0 < event.source_port <= MAX_PORT or not 0 < event.destination_port <= MAX_PORT:
        raise ValueError(f"a port is not a number from 1 to {MAX_PORT}")
    if is_reply(protocol, event.source_port, event.destination_port, listening):
        return _LineGroup(disposition, destination, source, protocol, event.source_port, turned(direction), event.tier)
    return _LineGroup(disposition, source, destination, protocol, event.destination_port, direction, event.tier)


def _known(words: Mapping[str, _Meaning], word: str, what: str) -> _Meaning:
    if word not in words:
        raise ValueError(f"{word!r} is not a {what} of the agent")
    return words[word]
