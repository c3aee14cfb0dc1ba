"""The proof: both layers let through exactly what is declared, each as exactly as it can tell endpoints apart.

It reads the compiled policies and rules, never the matrix's own idea of them, so that a bug in a compiler cannot prove
itself right. Each layer by itself must open what is declared and no more: what only the other layer stops today would
be open tomorrow. A layer cannot tell everything apart, though: the pod layer knows hosts by address alone, and the VPC
layer knows interfaces by their groups. What neither can tell from something declared passes both, and is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from segmentation.environment import Environment
from segmentation.layers import Layers, Openings, Pair, has_say
from segmentation.matrix import Matrix
from segmentation.port import DNS_PORTS
from segmentation.port_set import ALL_PORTS, NO_PORTS, PortSet
from segmentation.position import DNS, KUBELET, NODE_DNS, Position, Role, any_overlap
from segmentation.security_group import VpcFirewall
from segmentation.verdict import Layer, Side


class Fault(StrEnum):
    """What is wrong with a connection."""

    CUT = "declared, but stopped"
    OPEN = "not declared, but open"


@dataclass(frozen=True, slots=True)
class Violation:
    """One connection that a layer does not treat as declared.

    Attributes:
        ports: The ports concerned.
        sides: What decides at each end, of the first of the ports.
        remedy: What to change.
    """

    fault: Fault
    layer: Layer
    source: str
    destination: str
    ports: PortSet
    sides: tuple[Side, ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class Blur:
    """Something undeclared that passes both layers because neither can tell it from something declared."""

    source: str
    destination: str
    ports: PortSet


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at and what came of it.

    Attributes:
        violations: Sorted; empty when the proof holds.
        blurs: Sorted.
        declared: How many connections (pair and port) are declared and pass both layers.
        stopped: How many undeclared ones of the ports in play are stopped, by the number of layers that stop them.
    """

    violations: tuple[Violation, ...]
    blurs: tuple[Blur, ...]
    declared: int
    stopped: Mapping[int, int]

    @property
    def holds(self) -> bool:
        """Whether both layers let through exactly what is declared."""
        return not self.violations


def prove(
    matrix: Matrix, environment: Environment, manifests: Iterable[Mapping[str, Any]], firewall: VpcFirewall
) -> Proof:
    """Hold compiled policies and rules against the matrix.

    Args:
        matrix: What is declared.
        environment: Where it is.
        manifests: The NetworkPolicies as they would be sent to the API server.
        firewall: The groups and rules as they would be sent to AWS.

    Raises:
        InputError: A manifest is not a valid NetworkPolicy.
    """
    return _Prover(Layers(matrix, environment, tuple(manifests), firewall)).proof()


@dataclass(frozen=True)
class _Prover:
    layers: Layers

    def proof(self) -> Proof:
        violations = [*self._cuts(), *self._excess(Layer.POD), *self._excess(Layer.VPC)]
        violations.sort(key=lambda each: (each.fault, each.source, each.destination, each.layer))
        blurs, stopped = self._undeclared()
        return Proof(tuple(violations), blurs, sum(len(list(ports)) for ports in self._declared.values()), stopped)

    @cached_property
    def _declared(self) -> dict[Pair, PortSet]:
        """Every connection that must pass, with those that every cluster needs."""
        named, matrix = self.layers.named, self.layers.matrix
        declared = {(named[flow.source], named[flow.target]): PortSet.of(flow.ports) for flow in matrix.flows}
        for service in matrix.services:
            declared[named[service.name], named[DNS]] = PortSet.of(DNS_PORTS)
            if NODE_DNS in named:
                declared[named[service.name], named[NODE_DNS]] = PortSet.of(DNS_PORTS)
            if KUBELET in named:
                declared[named[KUBELET], named[service.name]] = PortSet.of(service.ports)
        front = self.layers.environment.load_balancer
        declared[named[f"clients of {front.external}"], named[front.external]] = PortSet.of(front.listeners)
        return declared

    def _cuts(self) -> Iterator[Violation]:
        for (source, destination), ports in self._declared.items():
            for layer in Layer:
                missing = ports - self.layers.allowed(layer, source, destination)
                if missing:
                    yield self._violation(Fault.CUT, layer, (source, destination), missing)

    def _excess(self, layer: Layer) -> Iterator[Violation]:
        for pair, ports in self.layers.openings(layer).items():
            excess = ports - self._indistinct[layer].get(pair, NO_PORTS)
            if excess:
                yield self._violation(Fault.OPEN, layer, pair, excess)

    @cached_property
    def _indistinct(self) -> Mapping[Layer, Openings]:
        """What each layer must open because something declared is there that it cannot tell apart."""
        found: dict[Layer, dict[Pair, PortSet]] = {layer: defaultdict(lambda: NO_PORTS) for layer in Layer}
        for layer, like in ((Layer.POD, _alike_to_pods), (Layer.VPC, _alike_to_vpc)):
            alike = {
                position: [other for other in self.layers.positions if other is position or like(position, other)]
                for position in {end for pair in self._declared for end in pair}
            }
            for (source, destination), ports in self._declared.items():
                for one in alike[source]:
                    for other in alike[destination]:
                        found[layer][one, other] |= ports
        return found

    def _undeclared(self) -> tuple[tuple[Blur, ...], dict[int, int]]:
        """Count, for pairs with a service and the ports in play, how many layers stop what is not declared."""
        services = {position for position in self.layers.positions if position.role is Role.SERVICE}
        pairs = len(services) * (2 * len(self.layers.positions) - len(services) - 1)
        in_play = PortSet.of(port for ports in self._declared.values() for port in ports)
        blurs, through, by_one = [], 0, 0
        for pair in {pair for layer in Layer for pair in self.layers.openings(layer)}:
            if not services & set(pair):
                continue
            pod, vpc = (
                self.layers.openings(layer).get(pair, NO_PORTS) if has_say(layer, *pair) else ALL_PORTS
                for layer in Layer
            )
            declared = self._declared.get(pair, NO_PORTS)
            both = pod & vpc
            if both - declared:
                blurs.append(Blur(pair[0].name, pair[1].name, both - declared))
            through += _count(both & in_play)
            by_one += _count(((pod | vpc) - both) & in_play)
        total = pairs * _count(in_play)
        return tuple(sorted(blurs, key=lambda blur: (blur.source, blur.destination))), {
            1: by_one,
            2: total - through - by_one,
        }

    def _violation(self, fault: Fault, layer: Layer, pair: Pair, ports: PortSet) -> Violation:
        source, destination = pair
        verdict = self.layers.verdict(layer, source, destination, next(iter(ports)))
        sides = verdict.deciding if verdict else ()
        rules = ", ".join(str(rule) for side in sides for rule in side.rules)
        if fault is Fault.OPEN:
            remedy = f"Remove {rules or 'what opens it'}, or declare the flow in traffic.yaml"
        else:
            governors = ", ".join(name for side in sides for name in side.governors)
            remedy = f"Add the missing rule to {governors or 'what stops it'}, or remove the flow from traffic.yaml"
        return Violation(fault, layer, source.name, destination.name, ports, sides, remedy)


def _alike_to_pods(declared: Position, other: Position) -> bool:
    """Tell whether the pod layer may take some of another position for a declared one."""
    if KUBELET in {declared.name, other.name}:
        return False
    if declared.workload and other.workload:
        same_place = declared.workload.namespace == other.workload.namespace
        return same_place and set(declared.workload.labels.items()) <= set(other.workload.labels.items())
    return not declared.workload and not other.workload and any_overlap(declared.ranges, other.ranges)


def _alike_to_vpc(declared: Position, other: Position) -> bool:
    """Tell whether the VPC layer may take some of another position for a declared one."""
    if declared.groups:
        return not declared.groups.isdisjoint(other.groups)
    return not other.wears_own_group and any_overlap(declared.ranges, other.ranges)


def _count(ports: PortSet) -> int:
    return sum(port.last - port.first + 1 for port in ports)
