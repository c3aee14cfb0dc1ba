"""Hubble's export, or ``hubble observe --output json``, as records of what Cilium forwarded and dropped."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import msgspec
from msgspec import Raw

from flash_ticket.firewall.terms.addresses import canonical_address
from flash_ticket.traffic.records.gathering import Gathering
from flash_ticket.traffic.records.hubble_decision import DROPPED, Decision, call_of, decision_of, is_policys
from flash_ticket.traffic.records.hubble_line import (
    EarlierFlows,
    HubbleFlow,
    LostEvents,
    PacketAddresses,
    hubble_line,
    identity_of,
)
from flash_ticket.traffic.records.lines import LineReader
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Reading, Record, Scope

_NO_ADDRESSES = PacketAddresses()

_MOST_HELD = 32 << 20
"""How many bytes of ends are held, including the overhead of each: enough for about 20,000 pods."""
_BESIDES = 1 << 10
_MOST_NAMES = 3
"""How many names of one address are kept."""
_NUMBER_BITS = 48

_NO_TYPES = (
    "its lines leave out event_type, so a denied packet may count twice, as a verdict and as a drop. Add event_type to "
    "the field mask of the export"
)


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
      the packet (`is_audited`). Other verdicts, traces of packets that no policy has seen yet, the status of nodes and
      messages of Cilium's agent decide nothing.
    - Cilium writes two lines about a packet that a policy drops: the verdict and the drop. The verdict alone names the
      policy. They count once; the second line is in `Reading.repeated`.
    - A DNS query that a rule of Cilium refuses is a record with the refused name, and without a reason.
    - A drop without ports that no policy makes is not a record: `Reading.aside` counts it by kind. So does a message by
      which hosts find each other, such as a router solicitation, because no rule can allow it.
    - Events that Hubble has lost are in `Reading.lost`.
    - A line that stands for several flows, because Cilium sums them up, counts as so many.
    - The reason of a drop is Hubble's word for it, such as ``POLICY_DENIED``; `is_policys` says whether a policy
      caused it. A policy with a deny rule is added: ``POLICY_DENY by CiliumNetworkPolicy shop/no-world``. A default
      denial names no policy (cilium #48588).
    - A reply counts for the connection that it answers. If Hubble does not know (drops have no ``is_reply``), SYN
      means a call and SYN with ACK a reply; otherwise `flash_ticket.traffic.records.record.is_reply` decides.
    - Labels are those of Kubernetes, without those that Cilium adds. Any other end is a node or the world, by its
      reserved label: the source of a kubelet's probes is the router's own address, which no inventory knows.
    - A destination that policies deny has the domain names that Hubble knows for its address.
    - Without a protocol in the line the protocol is 0, and without an address the address is empty.
    """

    __slots__ = (
        "_decisions",
        "_earlier",
        "_ends",
        "_gathered",
        "_held",
        "_latest",
        "_listening",
        "_names",
        "_numbers",
        "_reading",
    )

    def __init__(self, scope: Scope, reading: Reading) -> None:
        self._reading = reading
        self._listening = scope.listening
        self._gathered: Gathering[int] = Gathering(scope, reading)
        self._latest: dict[str, _NumberedEnd] = {}
        self._ends: dict[tuple[str, bytes], _NumberedEnd] = {}
        self._decisions: dict[tuple[object, ...], tuple[int, Decision | None]] = {}
        self._numbers: dict[End | Decision | None, int] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._held = 0
        self._earlier = EarlierFlows(scope.since)

    def records(self, lines: LineReader) -> Iterator[Record]:
        """Yield the summed up records, each time when many kinds are held, and at the end."""
        gathered, reading, count = self._gathered, self._reading, self._count
        is_earlier = self._earlier.has if self._earlier else None
        for batch in lines.batches(reading):
            for index, text in enumerate(batch.lines):
                if is_earlier and is_earlier(text):
                    continue
                try:
                    line = hubble_line(text)
                    if line.flow is None or not count(line.flow):
                        reading.other += 1
                        if line.lost_events:
                            self._note_loss(line.lost_events, line.moment)
                # JSON, times and addresses in a line can be wrong in many ways.
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    reading.refuse(batch.place(index), str(error))
            if gathered.is_full or self._held > _MOST_HELD:
                yield from self._released()
                self._forget()
        yield from self._released()

    def _released(self) -> Iterator[Record]:
        """Yield the records; denied destinations with the names of their addresses."""
        for record in self._gathered.release():
            names = self._names.get(record.destination.address) if record.reason else None
            yield (
                record._replace(destination=replace(record.destination, names=tuple(sorted(names))))
                if names
                else record
            )

    def _forget(self) -> None:
        self._latest.clear()
        self._ends.clear()
        self._decisions.clear()
        self._numbers.clear()
        self._names.clear()
        self._held = 0

    def _count(self, flow: HubbleFlow) -> bool:
        """Count a flow; return False if it decides nothing."""
        protocol, port, reply = call_of(flow, self._listening)
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
            flow.denied_by if flow.egress_denied_by or flow.ingress_denied_by else (),
            flow.about_drop if flow.verdict in DROPPED else None,
        )
        found = self._decisions.get(words)
        if found is None:
            decided = decision_of(flow, protocol, port, turn=turn)
            found = self._decisions[words] = self._number(decided, len(decided.name) if decided else 0), decided
        number, decision = found
        if decision is None:
            return False
        if flow.time is None:
            raise ValueError("it has no time")
        moment, count = flow.time.timestamp(), flow.count if flow.aggregate else 1
        addresses = flow.addresses or _NO_ADDRESSES
        if decision.disposition is Disposition.STOPPED or decision.reason:
            self._note_names(addresses.destination if not reply else "", flow)
            count = self._stopped(flow, decision, _packet(flow, protocol, addresses), moment)
            if not count:
                return False
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
        if not self._gathered.add(kind, moment, count):
            self._gathered.begin(kind, moment, _record(decision, source.end, destination.end), count)
        return True

    def _stopped(self, flow: HubbleFlow, decision: Decision, packet: tuple[object, ...], moment: float) -> int:
        """Return how many packets that are denied, or would be, a line shows, and no line before it has shown."""
        if decision.disposition is not Disposition.STOPPED:
            return flow.count
        counts = self._gathered.covers(moment)
        if decision.aside:
            self._reading.aside.update({decision.aside: flow.count} if counts else ())
            return 0
        if decision.name:
            return flow.count
        kind = flow.event
        if kind is None:
            if counts and is_policys(decision.reason):
                self._reading.note(_NO_TYPES)
            return flow.count
        new = self._reading.packets.new(packet, kind, flow.count)
        self._reading.repeated += counts and not new
        return new

    def _note_names(self, address: str, flow: HubbleFlow) -> None:
        for name in flow.called_names if address else ():
            known = self._names[canonical_address(address)]
            if len(known) < _MOST_NAMES and name not in known:
                known.add(name)
                self._held += len(name) + _BESIDES

    def _note_loss(self, lost: LostEvents, moment: float | None) -> None:
        if moment is None or self._gathered.covers(moment):
            self._reading.lost += lost.count

    def _end(self, address: str, written: Raw) -> _NumberedEnd:
        """Return one end with its number; the latest one at an address is the quickest to find."""
        key = (address, bytes(written))
        found = self._ends.get(key)
        if found is None:
            end = End(canonical_address(address) if address else "", *identity_of(key[1]))
            found = self._ends[key] = _NumberedEnd(self._number(end, len(key[1])), written.copy(), end)
        self._latest[address] = found
        return found

    def _number(self, meaning: End | Decision | None, size: int) -> int:
        """Return the number of a value, which takes ``size`` bytes from now on."""
        self._held += size + _BESIDES
        return self._numbers.setdefault(meaning, len(self._numbers))


def _record(decision: Decision, source: End, destination: End) -> Record:
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
        name=decision.name,
    )


def _packet(flow: HubbleFlow, protocol: int, addresses: PacketAddresses) -> tuple[object, ...]:
    """Return what both lines about one packet have in common."""
    ports = flow.l4 and (flow.l4.tcp or flow.l4.udp or flow.l4.sctp)
    numbers = (ports.source_port, ports.destination_port) if ports else ()
    ends = (addresses.source, addresses.destination)
    return bytes(flow.node_name), *ends, protocol, *numbers, flow.drop_reason_desc or flow.drop_reason
