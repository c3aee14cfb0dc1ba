"""Hubble's export, or ``hubble observe --output json``, as records of what Cilium forwarded and dropped.

Sources: Cilium's api/v1/flow/flow.proto for the fields, pkg/hubble/parser/threefour/parser.go for their meaning.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from flash_ticket.firewall.terms.addresses import canonical_address
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.records.gathering import Gathering
from flash_ticket.traffic.records.hubble_line import HubbleFlow, Layer4, PacketAddresses, hubble_line, pod_identity
from flash_ticket.traffic.records.lines import LineReader
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Reading, Record, Scope, is_reply, turned

_AUDITED = "AUDIT"
_POLICY_REASONS = frozenset({"POLICY_DENIED", "POLICY_DENY", _AUDITED})

_REASON_NAMES: Final = {133: "POLICY_DENIED", 181: "POLICY_DENY", 0: "", "DROP_REASON_UNKNOWN": ""}

_DISPOSITIONS: Final = {
    **dict.fromkeys(("FORWARDED", 1), Disposition.PASSED),
    **dict.fromkeys(("DROPPED", 2), Disposition.STOPPED),
    # In policy audit mode, a policy would drop the packet, but it is forwarded.
    **dict.fromkeys(("AUDIT", 4), Disposition.PASSED),
    **dict.fromkeys(("REDIRECTED", 5), Disposition.PASSED),
}
_REASONS_TO_PASS: Final = {"AUDIT": _AUDITED, 4: _AUDITED}
_NO_DECISION = frozenset({"", "VERDICT_UNKNOWN", 0, "ERROR", 3, "TRACED", 6, "TRANSLATED", 7})

_NOT_YET_DECIDED = frozenset(
    {"FROM_ENDPOINT", 5, "FROM_PROXY", 6, "FROM_HOST", 7, "FROM_STACK", 8, "FROM_OVERLAY", 9, "FROM_NETWORK", 10}
    | {"FROM_CRYPTO", 12}
)
"""Trace points where a packet arrives: its verdict is FORWARDED there, before any policy has seen it."""

_DIRECTIONS: Final = {
    "INGRESS": Direction.INGRESS,
    1: Direction.INGRESS,
    "EGRESS": Direction.EGRESS,
    2: Direction.EGRESS,
}
_NO_DIRECTION = frozenset({"", "TRAFFIC_DIRECTION_UNKNOWN", 0})

_TCP, _UDP, _SCTP, _ICMP, _ICMPV6, _UNKNOWN = 6, 17, 132, 1, 58, 0
_WITH_PORTS = (_TCP, _UDP, _SCTP)

_NO_ADDRESSES, _NO_LAYER4 = PacketAddresses(), Layer4()

_MOST_HELD = 32 << 20
"""How many bytes of ends are held, including the overhead of each: enough for about 20,000 pods."""
_BESIDES = 1 << 10
_NUMBER_BITS = 48


def is_policys(reason: str) -> bool:
    """Return whether a policy causes a drop, or would, by the reason of a record; other drops have other causes."""
    return reason.partition(" ")[0] in _POLICY_REASONS


def is_audited(reason: str) -> bool:
    """Return whether traffic passed only because Cilium audits its policies, by the reason of a record."""
    return reason.partition(" ")[0] == _AUDITED


class _Decision(NamedTuple):
    """The decision of a flow, without its ends and its time."""

    disposition: Disposition
    protocol: int
    port: int
    direction: Direction | None
    reason: str


class _NumberedEnd(NamedTuple):
    """An end of flows.

    Attributes:
        number: A unique number of the end, independent of how it is written.
        written: What Hubble writes about it, without its address.
    """

    number: int
    written: Raw
    end: End


class HubbleReader:
    """Lines of JSON, as ``{"flow":{...},"node_name":...,"time":...}`` or only the flow, also from a container's log.

    - FORWARDED, REDIRECTED and AUDIT count as passed, DROPPED as stopped. AUDIT is then the reason: a policy would stop
      the packet (`is_audited`). Other verdicts, traces of packets that no policy has seen yet, lost events, the status
      of nodes and messages of Cilium's agent decide nothing.
    - The reason of a drop is Hubble's word for it, such as ``POLICY_DENIED``; `is_policys` says whether a policy
      caused it. A policy with a deny rule is added: ``POLICY_DENY by CiliumNetworkPolicy shop/no-world``. A default
      denial names no policy (cilium #48588).
    - A reply counts for the connection that it answers. If Hubble does not know (drops have no ``is_reply``), SYN
      means a call and SYN with ACK a reply; otherwise `flash_ticket.traffic.records.record.is_reply` decides.
    - Labels are those of Kubernetes, without those that Cilium adds. An end outside the cluster has no pod.
    - Without a protocol in the line the protocol is 0, and without an address the address is empty.
    - If policy verdicts are exported, a dropped packet has two lines: the counts are lines, not packets.
    """

    __slots__ = ("_decisions", "_ends", "_gathered", "_held", "_latest", "_listening", "_numbers", "_reading")

    def __init__(self, scope: Scope, reading: Reading) -> None:
        self._reading = reading
        self._listening = scope.listening
        self._gathered: Gathering[int] = Gathering(scope, reading)
        self._latest: dict[str, _NumberedEnd] = {}
        self._ends: dict[tuple[str, bytes], _NumberedEnd] = {}
        self._decisions: dict[tuple[object, ...], tuple[int, _Decision | None]] = {}
        self._numbers: dict[End | _Decision | None, int] = {}
        self._held = 0

    def records(self, lines: LineReader) -> Iterator[Record]:
        """Yield the summed up records, each time when many kinds are held, and at the end."""
        gathered, reading, count = self._gathered, self._reading, self._count
        for batch in lines.batches(reading):
            for index, text in enumerate(batch.lines):
                try:
                    flow = hubble_line(text).flow
                    if flow is None or not count(flow):
                        reading.other += 1
                # JSON, times and addresses in a line can be wrong in many ways.
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    reading.refuse(batch.place(index), str(error))
            if gathered.is_full or self._held > _MOST_HELD:
                yield from gathered.release()
                self._forget()
        yield from gathered.release()

    def _forget(self) -> None:
        self._latest.clear()
        self._ends.clear()
        self._decisions.clear()
        self._numbers.clear()
        self._held = 0

    def _count(self, flow: HubbleFlow) -> bool:
        """Count a flow; return False if it decides nothing."""
        protocol, port, reply = _call(flow, self._listening)
        # If Hubble knows the reply, its direction is that of the connection, otherwise that of the packet.
        turn = reply and not flow.is_reply
        words = (
            flow.verdict,
            flow.traffic_direction,
            flow.trace_observation_point,
            protocol,
            port,
            turn,
            flow.drop_reason_desc,
            flow.drop_reason,
            flow.denied_by if flow.egress_denied_by or flow.ingress_denied_by else "",
        )
        found = self._decisions.get(words)
        if found is None:
            decided = _decision(flow, protocol, port, turn=turn)
            found = self._decisions[words] = self._number(decided, 0), decided
        number, decision = found
        if decision is None:
            return False
        if flow.time is None:
            raise ValueError("it has no time")
        moment = flow.time.timestamp()
        addresses = flow.addresses or _NO_ADDRESSES
        source = self._latest.get(addresses.source)
        if source is None or source.written != flow.source:
            source = self._end(addresses.source, flow.source)
        destination = self._latest.get(addresses.destination)
        if destination is None or destination.written != flow.destination:
            destination = self._end(addresses.destination, flow.destination)
        if reply:
            source, destination = destination, source
        # One number takes less memory than the many values that it stands for.
        kind = (source.number << 2 * _NUMBER_BITS) | (destination.number << _NUMBER_BITS) | number
        if not self._gathered.add(kind, moment):
            self._gathered.begin(kind, moment, _record(decision, source.end, destination.end))
        return True

    def _end(self, address: str, written: Raw) -> _NumberedEnd:
        """Return one end with its number; the latest one at an address is the quickest to find."""
        key = (address, bytes(written))
        found = self._ends.get(key)
        if found is None:
            end = End(canonical_address(address) if address else "", pod_identity(key[1]))
            found = self._ends[key] = _NumberedEnd(self._number(end, len(key[1])), written.copy(), end)
        self._latest[address] = found
        return found

    def _number(self, meaning: End | _Decision | None, size: int) -> int:
        """Return the number of a value, which takes ``size`` bytes from now on."""
        self._held += size + _BESIDES
        return self._numbers.setdefault(meaning, len(self._numbers))


def _call(flow: HubbleFlow, listening: frozenset[tuple[int, int]]) -> tuple[int, int, bool]:
    """Return the protocol, the port that was called (0 if there is none), and whether the packet is a reply."""
    layer4, reply = flow.l4 or _NO_LAYER4, flow.is_reply
    tcp = layer4.tcp
    if tcp:
        protocol, source, destination = _TCP, tcp.source_port, tcp.destination_port
        if reply is None and tcp.flags and tcp.flags.SYN:
            reply = tcp.flags.ACK
    elif ports := layer4.udp or layer4.sctp:
        protocol, source, destination = _UDP if layer4.udp else _SCTP, ports.source_port, ports.destination_port
    else:
        return _ICMP if layer4.icmp else _ICMPV6 if layer4.icmpv6 else _UNKNOWN, 0, bool(reply)
    if reply is None:
        reply = is_reply(protocol, source, destination, listening)
    return protocol, source if reply else destination, reply


def _decision(flow: HubbleFlow, protocol: int, port: int, *, turn: bool) -> _Decision | None:
    """Return the decision of a flow; None if it decides nothing.

    Raises:
        ValueError: A word is unknown, or there is no called port.
    """
    disposition = _DISPOSITIONS.get(flow.verdict)
    if disposition is None and flow.verdict not in _NO_DECISION:
        raise ValueError(f"{flow.verdict!r} is not a verdict of Hubble")
    if disposition is None or flow.trace_observation_point in _NOT_YET_DECIDED:
        return None
    if not port and protocol in _WITH_PORTS:
        raise ValueError("it has no called port")
    direction = _DIRECTIONS.get(flow.traffic_direction)
    if direction is None and flow.traffic_direction not in _NO_DIRECTION:
        raise ValueError(f"{flow.traffic_direction!r} is not a direction of Hubble")
    return _Decision(disposition, protocol, port, turned(direction) if turn else direction, _reason(flow, disposition))


def _record(decision: _Decision, source: End, destination: End) -> Record:
    """Return a record whose lines are not counted yet."""
    return Record(
        Evidence.HUBBLE,
        decision.disposition,
        source,
        destination,
        decision.protocol,
        decision.port,
        decision.direction,
        decision.reason,
        interface="",
        count=0,
        first=0,
        last=0,
    )


def _reason(flow: HubbleFlow, disposition: Disposition) -> str:
    if disposition is Disposition.PASSED:
        reason = _REASONS_TO_PASS.get(flow.verdict, "")
        if not reason:
            return ""
    else:
        word = flow.drop_reason_desc or flow.drop_reason
        reason = _REASON_NAMES.get(word, word if isinstance(word, str) else f"drop reason {word}")
    return f"{reason} by {flow.denied_by}" if flow.denied_by else reason
