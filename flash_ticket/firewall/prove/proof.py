"""The proof: both layers let through exactly what is declared, each end of each as finely as it can tell things apart.

It reads the compiled policies and rules, never the matrix's own idea of them, so that a bug in a compiler cannot prove
itself right. Each layer by itself, and each end of a connection by itself, must open what is declared and no more: what
only the other stops today would be open tomorrow. A layer cannot tell everything apart, though: the pod layer knows
hosts by address alone, and the VPC layer knows interfaces by their groups. What neither can tell from something
declared passes both, and is said.

Taken for granted is that an ipBlock means no pod. Some CNIs hold it against the addresses of pods too: there a place
must not share its subnets with pods, or what it may reach, they may.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers, Pair, has_say
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import KUBELET, NODE_DNS, Endpoint, Role
from flash_ticket.firewall.prove.violation import MOST_PAIRS, Violation, few, names, violations
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer


@dataclass(frozen=True, slots=True)
class Blur:
    """Something undeclared that passes both layers because neither can tell it from something declared."""

    source: str
    destination: str
    ports: PortSet


@dataclass(frozen=True, slots=True)
class Rest:
    """What the VPC layer opens because services share a group; where it is undeclared, the pod layer alone stops it.

    Attributes:
        sources: Names of what looks alike to the VPC layer.
        destinations: Likewise.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    ports: PortSet

    @property
    def source(self) -> str:
        """The sources in a few words."""
        return few(self.sources)

    @property
    def destination(self) -> str:
        """The destinations in a few words."""
        return few(self.destinations)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at and what came of it.

    Attributes:
        violations: Sorted; empty when the proof holds.
        blurs: Sorted.
        rests: Sorted.
        declared: How many connections (pair and port) are declared and pass both layers.
        stopped: How many undeclared ones of the ports in play are stopped, by the number of layers that stop them.
    """

    violations: tuple[Violation, ...]
    blurs: tuple[Blur, ...]
    rests: tuple[Rest, ...]
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
    return _Prover(BothLayers(matrix, environment, tuple(manifests), firewall)).proof()


@dataclass(frozen=True)
class _Prover:
    layers: BothLayers

    def proof(self) -> Proof:
        blurs, stopped = self._undeclared()
        rests = tuple(sorted(self._rests(), key=lambda rest: (rest.sources, rest.destinations)))
        declared = sum(len(list(ports)) for ports in self._declared.values())
        return Proof(violations(self.layers, self._declared), blurs, rests, declared, stopped)

    @cached_property
    def _declared(self) -> dict[Pair, PortSet]:
        return declared_connections(self.layers)

    def _undeclared(self) -> tuple[tuple[Blur, ...], dict[int, int]]:
        """Count, for pairs with a service and the ports in play, how many layers stop what is not declared."""
        in_play = PortSet.of(port for ports in self._declared.values() for port in ports)
        blurs, through = [], 0
        for pair, ports in self.layers.passing():
            through += _count(ports & in_play)
            extra = ports - self._declared.get(pair, NO_PORTS)
            # Pods that share the nodes' group look like nodes; where that is for good, kubelets are not asked about.
            if extra and not (self.layers.environment.cluster.leaving and KUBELET in {pair[0].name, pair[1].name}):
                blurs.append(Blur(pair[0].name, pair[1].name, extra))
        by_one = sum(self._open_in(layer, in_play) for layer in Layer) - 2 * through
        services = sum(endpoint.role is Role.SERVICE for endpoint in self.layers.endpoints)
        pairs = services * (2 * len(self.layers.endpoints) - services - 1)
        both = pairs * _count(in_play) - through - by_one
        return tuple(sorted(blurs, key=lambda blur: (blur.source, blur.destination))), {1: by_one, 2: both}

    def _rests(self) -> Iterator[Rest]:
        passing = dict(self.layers.passing())
        for sources, destinations, ports in self.layers.blocks(Layer.VPC):
            if not any(each.role is Role.SERVICE and not each.wears_own_group for each in (*sources, *destinations)):
                continue
            pairs = (
                (source, destination)
                for source in sources
                for destination in destinations
                if source is not destination
                and Role.SERVICE in {source.role, destination.role}
                and has_say(Layer.POD, source, destination)
                and ports - passing.get((source, destination), NO_PORTS)
            )
            first = next(pairs, None)
            if first and len(sources) * len(destinations) > MOST_PAIRS:
                yield Rest(names(sources), names(destinations), ports)
            elif first:
                found = [first, *pairs]
                yield Rest(names(source for source, _ in found), names(other for _, other in found), ports)

    def _open_in(self, layer: Layer, in_play: PortSet) -> int:
        """Count what a layer opens from or to services; where it has no say it opens everything."""
        services = [endpoint for endpoint in self.layers.endpoints if endpoint.role is Role.SERVICE]
        silent = sum(
            _count(in_play)
            for end in (KUBELET, NODE_DNS)
            if (other := self.layers.named.get(end))
            for service in services
            for pair in ((service, other), (other, service))
            if not has_say(layer, *pair)
        )
        return silent + sum(
            _count(ports & in_play) * _pairs(sources, destinations)
            for sources, destinations, ports in self.layers.blocks(layer)
        )


def _pairs(sources: Sequence[Endpoint], destinations: Sequence[Endpoint]) -> int:
    """Count the pairs with a service at either end, without those of a endpoint with itself."""
    strangers = [sum(each.role is not Role.SERVICE for each in end) for end in (sources, destinations)]
    services = {each for each in sources if each.role is Role.SERVICE} & set(destinations)
    return len(sources) * len(destinations) - strangers[0] * strangers[1] - len(services)


def _count(ports: PortSet) -> int:
    return sum(port.last - port.first + 1 for port in ports)
