"""Recorded traffic compared with a proposed matrix: what the matrix would cut and open, and which flows nothing used.

Only traffic that worked can be cut. Traffic that was stopped, or that got no reply, is listed separately. A recording
shows nothing about traffic outside its period.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from flash_ticket.firewall.declare.matrix import Service
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import INTERNET, KUBELET, VPC_HOST, Endpoint, Role
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Layer, Side, Verdict
from flash_ticket.traffic.attribution.attribution import Attribution, Conversation
from flash_ticket.traffic.proposals.observation import Fate, Observation, concerns, observations, weight
from flash_ticket.traffic.proposals.proposal import Proposal
from flash_ticket.traffic.records.record import Evidence


class Today(StrEnum):
    """Whether today's matrix allows a connection."""

    ALLOWED = "allowed today"
    NOT_ALLOWED = "not allowed today either"


@dataclass(frozen=True, slots=True)
class Stop:
    """A layer that would stop a connection.

    Attributes:
        sides: The sides of the layer that stop it; never empty.
    """

    layer: Layer
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Traffic that worked, and that the proposal would stop.

    Attributes:
        stops: At least one, pod layer first.
        today: Whether today's matrix allows it: if not, today's firewall is not in force there.
    """

    seen: Observation
    stops: tuple[Stop, ...]
    today: Today


@dataclass(frozen=True, slots=True)
class Opened:
    """Traffic that was stopped, and that the proposal would allow.

    Attributes:
        today: Whether today's matrix allows it too: then it was stopped against the declaration.
    """

    seen: Observation
    today: Today


@dataclass(frozen=True, slots=True)
class Unused:
    """A port of a declared flow on which nothing worked in the whole recording.

    Attributes:
        tried: How many lines show attempts that were stopped or had no reply.
    """

    source: str
    target: str
    port: PortRange
    tried: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The effect of a proposed matrix on recorded traffic.

    Attributes:
        cuts: Traffic that would be cut: first what today's matrix allows, then most lines first.
        opened: Stopped traffic that would pass: first what today's matrix does not allow, then most lines first.
        unanswered: Traffic without a reply, most lines first.
        unused: Ports without recorded traffic, sorted; DNS, probes and load balancer listeners are left out.
        kept: How many pairs and ports worked and would still work.
        lines: How many attributed lines there are of each kind; they add up to all attributed lines.
        evidence: The kinds of log that contained traffic.
        period: When the first line began and the last line ended; None if there was none.
    """

    cuts: tuple[Cut, ...]
    opened: tuple[Opened, ...]
    unanswered: tuple[Observation, ...]
    unused: tuple[Unused, ...]
    kept: int
    lines: Mapping["LineKind", int]
    evidence: tuple[Evidence, ...]
    period: tuple[float, float] | None

    @property
    def holds(self) -> bool:
        """Whether nothing recorded would be cut."""
        return not self.cuts


class LineKind(StrEnum):
    """The kind of an attributed line."""

    KEPT = "worked, and would still work"
    PROBES = "from nodes to ports of services, counted as probes of their kubelets"
    CUT = "worked, and would be cut"
    UNANSWERED = "had no reply"
    STOPPED = "were stopped"
    WITHOUT_PORT = "of protocols without ports, which are not judged here"
    ELSEWHERE = "with neither a pod of the namespace nor the load balancer at an end"


def replay(attribution: Attribution, proposal: Proposal, nodes: Iterable[str] = ()) -> Replay:
    """Compare recorded traffic with a proposed matrix.

    Args:
        attribution: Recorded traffic, attributed to the endpoints of the proposal's layers.
        proposal: The proposed matrix and today's.
        nodes: The addresses of nodes. If services share the nodes' groups, no layer has an endpoint for the kubelet
            and none can stop it: then traffic from nodes to ports of services counts as probes.

    Raises:
        InputError: An external of either matrix has no place in the environment.
    """
    return _Replaying(proposal.before, proposal.after, proposal, frozenset(nodes)).replay(attribution)


@dataclass(frozen=True, slots=True)
class _Replaying:
    before: BothLayers
    after: BothLayers
    proposal: Proposal
    nodes: frozenset[str]

    def replay(self, attribution: Attribution) -> Replay:
        kinds = dict.fromkeys(LineKind, 0)
        concerned: list[Conversation] = []
        for conversation in attribution.conversations:
            if not concerns(self.after, conversation):
                kinds[LineKind.ELSEWHERE] += conversation.count
            elif not conversation.port:
                kinds[LineKind.WITHOUT_PORT] += conversation.count
            else:
                concerned.append(conversation)
        by_kind: dict[LineKind, list[Observation]] = {kind: [] for kind in LineKind}
        seen = observations(concerned)
        for each in seen:
            by_kind[self._kind(each)].append(each)
        for kind, found in by_kind.items():
            kinds[kind] += sum(each.count for each in found)
        cuts = (Cut(each, self._stops(each), self._today(each)) for each in by_kind[LineKind.CUT])
        opened = (Opened(each, self._today(each)) for each in by_kind[LineKind.STOPPED] if not self._stops(each))
        return Replay(
            tuple(sorted(cuts, key=lambda cut: (cut.today is not Today.ALLOWED, *weight(cut.seen)))),
            tuple(sorted(opened, key=lambda each: (each.today is Today.ALLOWED, *weight(each.seen)))),
            tuple(sorted(by_kind[LineKind.UNANSWERED], key=weight)),
            tuple(self._unused(seen)),
            len(by_kind[LineKind.KEPT]),
            kinds,
            tuple(sorted({each.evidence for each in attribution.conversations})),
            _period(attribution),
        )

    def _kind(self, seen: Observation) -> LineKind:
        match seen.fate:
            case Fate.UNANSWERED:
                return LineKind.UNANSWERED
            case Fate.STOPPED:
                return LineKind.STOPPED
            case Fate.WORKED if self._is_probe(seen):
                return LineKind.PROBES
            case Fate.WORKED:
                return LineKind.CUT if self._stops(seen) else LineKind.KEPT

    def _is_probe(self, seen: Observation) -> bool:
        """Return whether all known callers of a service port are nodes, and no endpoint is a kubelet."""
        called = self.after.matrix.endpoints.get(seen.destination)
        return (
            KUBELET not in self.after.named
            and seen.source == VPC_HOST
            and isinstance(called, Service)
            and any(port.covers(seen.port) for port in called.ports)
            and bool(seen.sources)
            and self.nodes.issuperset(seen.sources)
        )

    def _stops(self, seen: Observation) -> tuple[Stop, ...]:
        found = _stops(self.after, seen)
        if Layer.VPC not in {stop.layer for stop in found} and self._loses_its_rule(seen):
            verdict = self.after.verdict(Layer.VPC, *_ends(self.after, seen), seen.port)
            found = (*found, Stop(Layer.VPC, verdict.deciding)) if verdict else found
        return found

    def _loses_its_rule(self, seen: Observation) -> bool:
        """Return whether a rule of ours between groups of others allows it today, and the proposal has no such rule."""
        ends = [(_named(layers, seen.source), _named(layers, seen.destination)) for layers in (self.before, self.after)]
        if any(end.has_own_group for pair in ends for end in pair):
            return False
        today, then = (
            layers.opened(Layer.VPC, *pair) for layers, pair in zip((self.before, self.after), ends, strict=True)
        )
        return (today - then).holds(seen.port.protocol, seen.port.first)

    def _today(self, seen: Observation) -> Today:
        return Today.NOT_ALLOWED if _stops(self.before, seen) else Today.ALLOWED

    def _unused(self, seen: tuple[Observation, ...]) -> Iterator[Unused]:
        by_pair: dict[tuple[str, str], list[Observation]] = {}
        for each in seen:
            by_pair.setdefault((each.source, each.destination), []).append(each)
        for flow in self.proposal.proposed.flows:
            recorded = by_pair.get((flow.source, flow.target), [])
            for port in flow.ports:
                on_port = [each for each in recorded if port.covers(each.port)]
                if not any(each.fate is Fate.WORKED for each in on_port):
                    yield Unused(flow.source, flow.target, port, sum(each.count for each in on_port))


def _stops(layers: BothLayers, seen: Observation) -> tuple[Stop, ...]:
    source, destination = _ends(layers, seen)
    verdicts = [layers.verdict(layer, source, destination, seen.port) for layer in Layer]
    stops = [Stop(verdict.layer, tuple(_stopping(verdict, source, destination))) for verdict in verdicts if verdict]
    return tuple(stop for stop in stops if stop.sides)


def _stopping(verdict: Verdict, source: Endpoint, destination: Endpoint) -> Iterator[Side]:
    """Yield the sides that certainly stop a connection: in a security group of others there may be other rules."""
    for side, end in ((verdict.egress, source), (verdict.ingress, destination)):
        if side.stops and (verdict.layer is Layer.POD or end.has_own_group):
            yield side


def _ends(layers: BothLayers, seen: Observation) -> tuple[Endpoint, Endpoint]:
    """Return both ends; undeclared hosts are narrowed to the addresses that were seen."""
    return (
        _narrowed(_named(layers, seen.source), seen.sources),
        _narrowed(_named(layers, seen.destination), seen.destinations),
    )


def _named(layers: BothLayers, name: str) -> Endpoint:
    """Return the endpoint with a name. A built-in peer that no flow names is any host at its address."""
    return layers.named.get(name) or layers.named[INTERNET]


def _narrowed(endpoint: Endpoint, addresses: tuple[str, ...]) -> Endpoint:
    if endpoint.workload or endpoint.role is not Role.UNDECLARED or not addresses:
        return endpoint
    return replace(endpoint, ranges=tuple(AddressRange.of(address) for address in addresses))


def _period(attribution: Attribution) -> tuple[float, float] | None:
    if not attribution.conversations:
        return None
    return (
        min(each.first for each in attribution.conversations),
        max(each.last for each in attribution.conversations),
    )
