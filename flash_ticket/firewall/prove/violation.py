"""The errors of compiled output, end by end: what is declared but stopped, and what is open but not declared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from flash_ticket.firewall.bind.environment import PrefixList
from flash_ticket.firewall.declare.fields import default_deny_of
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.declared_permissions import CoarseEnds, Declared, for_groups, for_pods
from flash_ticket.firewall.prove.endpoint import KUBELET, NODE_DNS, Endpoint, Role, any_overlap
from flash_ticket.firewall.prove.group_reachability import VpcParty
from flash_ticket.firewall.prove.permissions import Permissions
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import OF_OTHERS, Direction, Layer, Outcome, Side

_SHOWN = 3
MOST_PAIRS = 10_000
"""The most pairs that are examined one by one, to leave out those that are as declared."""
NOTHING: Mapping[tuple[str, str], PortSet] = MappingProxyType({})
"""No connections."""
_PartyOrRange = VpcParty | AddressRange
_Known = TypeVar("_Known", Endpoint, VpcParty)
_PartySide = tuple[VpcParty, Direction]


class Fault(StrEnum):
    """What is wrong with a connection."""

    CUT = "declared, but stopped"
    OPEN = "not declared, but open"


@dataclass(frozen=True, slots=True)
class Violation:
    """Connections that one end of a layer does not treat as declared, all for the same reason.

    Attributes:
        sources: Names; several if the layer cannot distinguish them.
        destinations: The same for the destinations, or all peers of the same rules.
        ports: The affected ports.
        side: The verdict of the wrong end on the first of the connections and ports.
        remedy: What to change.
    """

    fault: Fault
    layer: Layer
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: PortSet
    side: Side
    remedy: str

    @property
    def source(self) -> str:
        """The sources in a few words."""
        return few(self.sources)

    @property
    def destination(self) -> str:
        """The destinations in a few words."""
        return few(self.destinations)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The wrong side."""
        return (self.side,)


def violations(
    layers: BothLayers, declared: Declared, by_others: Mapping[tuple[str, str], PortSet] = NOTHING
) -> tuple[Violation, ...]:
    """Return the errors at each end of each layer, sorted.

    Args:
        layers: The compiled output.
        declared: Every connection that must pass.
        by_others: Undeclared connections that pass both layers, because rules of others open the VPC layer: the names
            of both ends, and the ports.
    """
    comparison = _ViolationSearch(layers, declared)
    found = [*comparison.of_pods(), *comparison.of_groups(), *comparison.of_others(by_others)]
    return tuple(
        sorted(found, key=lambda each: (each.fault, each.sources, each.destinations, each.layer, str(each.ports)))
    )


@dataclass(frozen=True, slots=True)
class _ViolationSearch:
    layers: BothLayers
    declared: Declared

    def of_pods(self) -> Iterator[Violation]:
        pods = [endpoint for endpoint in self.layers.endpoints if endpoint.workload]
        actual = self.layers.pod_permissions
        wanted = for_pods(self.declared, pods, self.layers.matrix.namespaces)
        everything = Permissions.everything(pods)
        for end in {**wanted, **actual}:
            # An end that no policy governs is open, and an end in another namespace must be open.
            yield from self._compared(Layer.POD, end, wanted.get(end, everything), actual.get(end, everything))

    def of_groups(self) -> Iterator[Violation]:
        actual, wanted = self.layers.group_permissions, for_groups(self.declared, self.layers.matrix.namespace)
        closed: Permissions[VpcParty] = Permissions()
        coarse = CoarseEnds(self.layers, wanted)
        for end in {**wanted, **actual}:
            found = actual.get(end, closed)
            yield from self._compared(Layer.VPC, end, wanted.get(end, closed), found, coarse.allowed(end))

    def of_others(self, opened: Mapping[tuple[str, str], PortSet]) -> Iterator[Violation]:
        for (source, destination), ports in opened.items():
            ends = self.layers.named[source], self.layers.named[destination]
            verdict = self.layers.answer(Layer.VPC, *ends, next(iter(ports)))
            for side in verdict.sides if verdict else ():
                if any(rule.source == OF_OTHERS for rule in side.rules):
                    remedy = "Narrow this rule of others: it opens what the pod layer does not stop either"
                    yield Violation(Fault.OPEN, Layer.VPC, (source,), (destination,), ports, side, remedy)

    def _compared(
        self,
        layer: Layer,
        end: _PartySide,
        wanted: Permissions[_Known],
        actual: Permissions[_Known],
        allowed: Permissions[_Known] | None = None,
    ) -> Iterator[Violation]:
        most = wanted if allowed is None else allowed
        for fault, differences in ((Fault.CUT, wanted.beyond(actual)), (Fault.OPEN, actual.beyond(most))):
            by_ports: dict[PortSet, list[_PartyOrRange]] = defaultdict(list)
            for peer, ports in differences:
                by_ports[ports].append(peer)
            for ports, peers in by_ports.items():
                yield self._violation(fault, layer, end, peers, ports)

    def _violation(
        self, fault: Fault, layer: Layer, end: _PartySide, peers: Sequence[_PartyOrRange], ports: PortSet
    ) -> Violation:
        inside, direction = end
        here = self._at(layer, inside)
        there = list(dict.fromkeys(endpoint for peer in peers for endpoint in self._at(layer, peer)))
        here, there = self._concerned(fault, direction, here, there, ports)
        one, other = _standing_for(inside, here), _standing_for(peers[0], there)
        leaving = direction is Direction.EGRESS
        pair, port = (one, other) if leaving else (other, one), next(iter(ports))
        ours = layer is Layer.VPC
        verdict = self.layers.groups_of_ours.verdict(*pair, port) if ours else self.layers.verdict(layer, *pair, port)
        if verdict is None:
            raise AssertionError  # a layer has a say at the ends that it governs
        side = verdict.egress if leaving else verdict.ingress
        ends = (names(here), names(there)) if leaving else (names(there), names(here))
        return Violation(fault, layer, *ends, ports, side, self._remedy(fault, side, [*here, *there], inside))

    def _remedy(self, fault: Fault, side: Side, ends: Sequence[Endpoint], inside: VpcParty) -> str:
        if fault is Fault.OPEN:
            if side.outcome is Outcome.UNGOVERNED:
                return f"Add {self._default_deny(inside)}, which denies what no other policy allows"
            return "Remove or narrow this rule, or declare the flow in traffic.yaml"
        pods = inside.workload if isinstance(inside, Endpoint) else None
        if pods and pods.namespace not in self.layers.matrix.namespaces:
            several = "a" if len(self.layers.matrix.namespaces) > 1 else "the"
            return f"Remove this policy: {pods.namespace} is not {several} firewalled namespace"
        if any(endpoint.role is Role.IMPLIED for endpoint in ends):
            return "Add a rule for it: every service needs it"
        return "Add a rule for it, or remove the flow from traffic.yaml"

    def _default_deny(self, inside: VpcParty) -> str:
        pods, home = inside.workload if isinstance(inside, Endpoint) else None, self.layers.matrix.namespace
        return default_deny_of(pods.namespace if pods else home, home)

    def _at(self, layer: Layer, peer: _PartyOrRange) -> list[Endpoint]:
        """Return the endpoints that a layer identifies by an endpoint, group, list or address range."""
        every = self.layers.endpoints
        if isinstance(peer, Endpoint):
            return [peer]
        if isinstance(peer, AddressRange):
            near = [each for each in every if any_overlap(each.ranges, (peer,))]
            found = [each for each in near if _is_known_by_address(layer, each)]
            if layer is Layer.POD and self.layers.environment.cluster.enforcement.matches_addresses:
                found += [each for each in near if each.workload]
        elif isinstance(peer, PrefixList):
            found = [each for each in every if each.listed == peer]
        else:
            found = [each for each in every if peer in each.groups]
        return found or [_standing_for(peer, ())]

    def _concerned(
        self, fault: Fault, direction: Direction, here: list[Endpoint], there: list[Endpoint], ports: PortSet
    ) -> tuple[list[Endpoint], list[Endpoint]]:
        """Leave out endpoints without an error, if a layer cannot distinguish several."""
        if 1 < len(here) * len(there) <= MOST_PAIRS:
            pairs = [
                (one, other) for one in here for other in there if self._is_wrong(fault, direction, one, other, ports)
            ]
            if pairs:
                return list(dict.fromkeys(one for one, _ in pairs)), list(dict.fromkeys(other for _, other in pairs))
        return here, there

    def _is_wrong(self, fault: Fault, direction: Direction, here: Endpoint, there: Endpoint, ports: PortSet) -> bool:
        pair = (here, there) if direction is Direction.EGRESS else (there, here)
        declared = self.declared.get(pair, NO_PORTS)
        return bool(ports & declared if fault is Fault.CUT else ports - declared)


def _is_known_by_address(layer: Layer, endpoint: Endpoint) -> bool:
    """Return whether a layer identifies an endpoint by its address; the layer must have a say there."""
    if layer is Layer.VPC:
        return endpoint.name != NODE_DNS
    return not endpoint.workload and endpoint.name != KUBELET


def _standing_for(peer: _PartyOrRange, endpoints: Sequence[Endpoint]) -> Endpoint:
    """Return an endpoint that a layer identifies like this peer, with the name of the possible endpoints."""
    if isinstance(peer, Endpoint):
        return peer
    name = few(names(endpoints))
    if isinstance(peer, AddressRange):
        return Endpoint(name or str(peer), Role.UNDECLARED, None, (peer,), frozenset())
    if isinstance(peer, PrefixList):
        return Endpoint(name or f"any address in {peer.label}", Role.UNDECLARED, None, (), frozenset(), {}, peer)
    return Endpoint(name or f"anything with the group {peer.label}", Role.UNDECLARED, None, (), frozenset({peer}))


def names(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Return the endpoints' names, each once."""
    return tuple(dict.fromkeys(endpoint.name for endpoint in endpoints))


def few(words: Sequence[str]) -> str:
    """Return words in one short line: the first few, and the number of the others."""
    if len(words) <= _SHOWN:
        return ", ".join(words)
    return f"{', '.join(words[: _SHOWN - 1])} and {len(words) - _SHOWN + 1:,} more"
