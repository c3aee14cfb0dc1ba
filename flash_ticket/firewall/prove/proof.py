"""The proof: each end of both layers allows exactly what is declared, as far as the layer can distinguish endpoints.

The proof reads the compiled policies and rules, not the compilers' intermediate values, so a bug in a compiler cannot
prove itself right. Each layer and each end of a connection must open exactly what is declared, because what only one of
them denies today may be open tomorrow. But a layer cannot distinguish everything: the pod layer knows hosts only by
address, and the VPC layer knows interfaces by their groups. What neither can distinguish from something declared passes
both, and the proof reports it.

What an ipBlock matches depends on the network plug-in. With the VPC CNI and Calico it matches pods, so the pod layer
cannot distinguish a place from pods that can have its addresses.
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
from flash_ticket.firewall.prove.endpoint import KUBELET, NODE_DNS, Endpoint, Role, any_overlap
from flash_ticket.firewall.prove.violation import MOST_PAIRS, Violation, few, names, violations
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer


@dataclass(frozen=True, slots=True)
class Blur:
    """Undeclared ports that pass both layers, because neither layer can distinguish them from declared ones.

    Attributes:
        like: The declared endpoints whose addresses one end can have: the layers take it for them. It can be empty.
    """

    source: str
    destination: str
    ports: PortSet
    like: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return ``a pod elsewhere in the cluster => gateway : TCP 3000, like alb``."""
        return f"{self.source} => {self.destination} : {self.ports}" + (f", like {few(self.like)}" if self.like else "")


@dataclass(frozen=True, slots=True)
class Rest:
    """Undeclared ports that the VPC layer opens because services share a group; only the pod layer denies them.

    Attributes:
        sources: Names of endpoints that the VPC layer cannot distinguish.
        destinations: The same for the destinations.
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
    """The result of the proof.

    Attributes:
        violations: Sorted; empty if the proof holds.
        blurs: Sorted.
        rests: Sorted.
        declared: The number of declared connections (pair and port).
        stopped: The number of undeclared connections on declared ports, by the number of layers that stop them.
    """

    violations: tuple[Violation, ...]
    blurs: tuple[Blur, ...]
    rests: tuple[Rest, ...]
    declared: int
    stopped: Mapping[int, int]

    @property
    def holds(self) -> bool:
        """Whether both layers allow exactly what is declared."""
        return not self.violations


def prove(
    matrix: Matrix, environment: Environment, manifests: Iterable[Mapping[str, Any]], firewall: VpcFirewall
) -> Proof:
    """Compare compiled policies and rules with the matrix.

    Args:
        matrix: The declaration.
        environment: The places of its names.
        manifests: The NetworkPolicies, as for the API server.
        firewall: The groups and rules, as for AWS.

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
        """Return the blurs, and the number of undeclared connections that one and that both layers stop.

        It counts pairs with a service, on all declared ports.
        """
        in_play = PortSet.of(port for ports in self._declared.values() for port in ports)
        blurs, through = [], 0
        for pair, ports in self.layers.passing():
            through += _count(ports & in_play)
            extra = ports - self._declared.get(pair, NO_PORTS)
            # While the attachment changes, pods that share the nodes' group look like kubelets; this is no blur.
            if extra and not (self.layers.environment.cluster.leaving and KUBELET in {pair[0].name, pair[1].name}):
                blurs.append(Blur(pair[0].name, pair[1].name, extra, tuple(self._like(pair, extra))))
        by_one = sum(self._open_in(layer, in_play) for layer in Layer) - 2 * through
        services = sum(endpoint.role is Role.SERVICE for endpoint in self.layers.endpoints)
        pairs = services * (2 * len(self.layers.endpoints) - services - 1)
        both = pairs * _count(in_play) - through - by_one
        return tuple(sorted(blurs, key=lambda blur: (blur.source, blur.destination))), {1: by_one, 2: both}

    def _like(self, pair: Pair, ports: PortSet) -> Iterator[str]:
        """Yield the declared endpoints on these ports that share addresses with one end of an undeclared pair."""
        for (source, destination), declared in self._declared.items():
            if declared & ports and (source in pair) != (destination in pair):
                known, looking = (destination, pair[1]) if source is pair[0] else (source, pair[0])
                if known.name != KUBELET and looking is not known and any_overlap(known.ranges, looking.ranges):
                    yield known.name

    def _rests(self) -> Iterator[Rest]:
        passing = dict(self.layers.passing())
        for sources, destinations, ports in self.layers.blocks(Layer.VPC):
            if not any(each.role is Role.SERVICE and not each.has_own_group for each in (*sources, *destinations)):
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
        """Count the connections that a layer opens from or to services; without a say it opens all."""
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
    """Count the pairs with a service at either end, without pairs of an endpoint with itself."""
    strangers = [sum(each.role is not Role.SERVICE for each in end) for end in (sources, destinations)]
    services = {each for each in sources if each.role is Role.SERVICE} & set(destinations)
    return len(sources) * len(destinations) - strangers[0] * strangers[1] - len(services)


def _count(ports: PortSet) -> int:
    return sum(port.last - port.first + 1 for port in ports)
