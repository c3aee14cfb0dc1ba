"""A matrix drafted from recorded traffic: it declares everything that worked. A person has to decide what is wanted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from flash_ticket.firewall.declare.built_in import written_name
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Matrix, Service
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.terms.ports import PortRange, PortSet, Protocol
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.denials.allowance import Allowance, allowance
from flash_ticket.traffic.proposals.observation import Fate, Observation, concerns, observations, weight


@dataclass(frozen=True, slots=True)
class DraftedFlow:
    """Adjacent ports on which traffic of one pair worked.

    Attributes:
        count: How many lines show it.
        last: When the last line ended, in seconds since 1970.
        because: The reason that today's matrix gives for the pair.
        until: The last day of these ports in today's matrix; None if they do not end.
    """

    source: str
    target: str
    ports: PortRange
    count: int
    last: float
    because: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """Traffic that worked, but that no flow between named endpoints can declare.

    Attributes:
        allowance: What to declare for it.
    """

    seen: Observation
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted matrix and its evidence.

    Attributes:
        namespace: The declared namespace.
        services: Today's services and those from labels that took part in a flow, with the called ports. Sorted.
        externals: Today's externals and those from labels that took part in a flow, with the called ports. Sorted.
        flows: Sorted.
        strangers: Traffic that cannot be declared as it is, most lines first.
        left_out: The counts of lines that are left out, by reason.
    """

    namespace: str
    services: tuple[Service, ...]
    externals: tuple[External, ...]
    flows: tuple[DraftedFlow, ...]
    strangers: tuple[Stranger, ...]
    left_out: Mapping[str, int]


def draft(traffic: AttributedTraffic, today: Matrix) -> Draft:
    """Draft a matrix.

    Args:
        traffic: Attributed to the endpoints of today's matrix and further candidates
            (``flash_ticket.traffic.proposals.candidate``).
        today: The matrix whose services and externals stay, with or without traffic.
    """
    return _Drafting(traffic.layers, today, traffic.attribution.conversations).draft()


@dataclass(frozen=True)
class _Drafting:
    layers: BothLayers
    today: Matrix
    conversations: Sequence[Conversation]

    def draft(self) -> Draft:
        concerned = [each for each in self.conversations if concerns(self.layers, each)]
        seen = observations(concerned)
        worked = [each for each in seen if each.fate is Fate.WORKED and not self._is_implied(each)]
        flows = [each for each in worked if self._can_be_declared(each)]
        strangers = [each for each in worked if not self._can_be_declared(each)]
        named = {name for each in flows for name in (each.source, each.destination)} | set(self.today.endpoints)
        matrix = self.layers.matrix
        services = [replace(each, ports=self._ports(each, flows)) for each in matrix.services if each.name in named]
        externals = [
            replace(self._written(each), ports=self._ports(each, flows))
            for each in matrix.externals
            if each.name in named
        ]
        listening = {service.name: service.ports for service in services}
        listening |= {external.name: external.ports for external in externals}
        return Draft(
            self.today.namespace,
            tuple(services),
            tuple(externals),
            tuple(_with_written_ends(self._as_today(each) for each in _flows(flows, listening))),
            tuple(Stranger(each, self._allowance(each, concerned)) for each in sorted(strangers, key=weight)),
            {
                "had no reply": _lines(each for each in seen if each.fate is Fate.UNANSWERED),
                "were stopped": _lines(each for each in seen if each.fate is Fate.STOPPED),
                "were what every cluster needs (DNS, probes) or calls of clients": _lines(
                    each for each in seen if each.fate is Fate.WORKED and self._is_implied(each)
                ),
                "were of protocols without ports": sum(each.count for each in concerned if not each.port),
                "had neither a pod of the namespace nor the load balancer at an end": sum(
                    each.count for each in self.conversations if not concerns(self.layers, each)
                ),
            },
        )

    def _written(self, external: External) -> External:
        """Return an external as the file has it: in a stack it can be pods."""
        known = self.today.endpoints.get(external.name)
        return known if isinstance(known, External) else external

    def _as_today(self, flow: DraftedFlow) -> DraftedFlow:
        """Return a flow with what today's matrix says about it beside its ports."""
        known = self.today.flows_out_of.get(flow.source, ())
        because = next((each.because for each in known if each.target == flow.target), "")
        ends = (
            each.until
            for each in self.today.timed
            if (each.flow.source, each.flow.target) == (flow.source, flow.target)
            and PortSet.of(each.flow.ports).covers(PortSet((flow.ports,)))
        )
        return replace(flow, because=because, until=next(ends, None))

    def _is_implied(self, seen: Observation) -> bool:
        """Return whether it is declared without a flow: DNS, probes, clients of the load balancer."""
        named = self.layers.named
        if not {seen.source, seen.destination} <= named.keys():
            return False  # a built-in peer that no flow names
        pair = (named[seen.source], named[seen.destination])
        known = {seen.source, seen.destination} <= self.layers.matrix.endpoints.keys()
        declared = self._declared.get(pair)
        return not known and declared is not None and declared.covers(PortSet((seen.port,)))

    @cached_property
    def _declared(self) -> Mapping[Pair, PortSet]:
        return declared_connections(self.layers)

    def _can_be_declared(self, seen: Observation) -> bool:
        ends = [self.layers.matrix.endpoints.get(name) for name in (seen.source, seen.destination)]
        return (
            None not in ends
            and any(isinstance(end, Service) for end in ends)
            and seen.port.protocol is not Protocol.SCTP
        )

    def _ports(self, endpoint: DeclaredEndpoint, flows: Iterable[Observation]) -> tuple[PortRange, ...]:
        """Return the called ports and those declared today; for a new service also the known ones."""
        known = self.today.endpoints.get(endpoint.name) or (endpoint if isinstance(endpoint, Service) else None)
        declared = known.ports if known else ()
        called = PortSet.of(each.port for each in flows if each.destination == endpoint.name)
        return tuple(sorted({*declared, *(called - PortSet.of(declared))}))

    def _allowance(self, seen: Observation, concerned: Iterable[Conversation]) -> Allowance:
        ends = (seen.source, seen.destination, seen.port)
        return allowance(
            self.layers,
            [each for each in concerned if (each.source.name, each.destination.name, each.port) == ends],
        )


def _with_written_ends(flows: Iterable[DraftedFlow]) -> Iterable[DraftedFlow]:
    """Return one flow for all services of an external, which a file gives one name."""
    found: dict[object, DraftedFlow] = {}
    for flow in flows:
        named = replace(flow, target=written_name(flow.target))
        key = (named.source, named.target, named.ports)
        if other := found.get(key):
            named = replace(other, count=other.count + flow.count, last=max(other.last, flow.last))
        found[key] = named
    return found.values()


def _flows(flows: Iterable[Observation], listening: Mapping[str, tuple[PortRange, ...]]) -> Iterator[DraftedFlow]:
    """Yield the flows; adjacent ports form one flow if one declared range of the target contains them."""
    by_pair: dict[tuple[str, str], list[Observation]] = {}
    for each in flows:
        by_pair.setdefault((each.source, each.destination), []).append(each)
    for pair, together in sorted(by_pair.items()):
        left = PortSet.of(each.port for each in together)
        for declared in listening[pair[1]]:
            called = left & PortSet((declared,))
            left -= called
            for ports in called:
                found = [each for each in together if ports.covers(each.port)]
                yield DraftedFlow(*pair, ports, _lines(found), max(each.last for each in found))


def _lines(seen: Iterable[Observation]) -> int:
    return sum(each.count for each in seen)
