"""What both layers let through after every single write of an engine run, held to what is declared before and after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from lab.recording.journal import Write
from segmentation.compiled_firewall import CompiledFirewall
from segmentation.deployed import Deployed
from segmentation.environment import Environment
from segmentation.field import DEFAULT_DENY
from segmentation.layers import Layers
from segmentation.matrix import Matrix
from segmentation.port_set import ALL_PORTS, NO_PORTS, PortSet
from segmentation.position import Position, Role
from segmentation.security_group import VpcFirewall
from segmentation.verdict import Layer

Pair = tuple[str, str]
Openings = Mapping[Pair, PortSet]
Deciding = tuple[Layer, ...]
"""The layers that decide a connection."""


class Pods(StrEnum):
    """Which pods: an interface keeps the groups that it had when its pod was scheduled."""

    RUNNING = "pods that ran before the update"
    NEW = "pods scheduled at that moment"


@dataclass(frozen=True, slots=True)
class Gap:
    """A claim that does not hold after a write.

    Attributes:
        write: Its number and action.
        claim: What does not hold.
        pair: From and to.
        ports: On which ports.
        pods: Of which pods.
    """

    write: str
    claim: str
    pair: Pair
    ports: PortSet
    pods: Pods


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the engine wrote.

    Attributes:
        before: What stood before its first write.
        writes: In their order.
    """

    before: Deployed
    writes: Sequence[Write]


@dataclass(frozen=True)
class Transition:
    """One run of the engine, from one declaration to another.

    Attributes:
        before: What is declared before; None where nothing is deployed yet.
        after: What is declared after; None where everything is removed.
    """

    before: CompiledFirewall | None
    after: CompiledFirewall | None

    def gaps(self, run: Run) -> Iterator[Gap]:
        """Yield what does not hold after a write."""
        both_layers, pod_layer = self._declared(tuple(Layer)), self._declared((Layer.POD,))
        kept = _in_all(both_layers)
        ever = {tuple(Layer): _in_any(both_layers), (Layer.POD,): _in_any(pod_layer)}
        for write in run.writes:
            denied = any(policy["metadata"]["name"] == DEFAULT_DENY for policy in write.standing.policies)
            name = f"{write.number}: {write.api} {write.action}"
            for pods in Pods:
                for deciding, found in self._openings(write.standing, run.before, pods):
                    for pair, ports in found.items():
                        if (denied or self.after) and (cut := kept.get(pair, NO_PORTS) - ports):
                            yield Gap(name, "declared before and after, and cut", pair, cut, pods)
                        if denied and (opened := ports - ever[deciding].get(pair, NO_PORTS)):
                            yield Gap(name, "declared neither before nor after, and open", pair, opened, pods)

    def _declared(self, deciding: Deciding) -> list[Openings]:
        sides = [side for side in (self.before, self.after) if side]
        every = [self._layers(side.layers().manifests, side.vpc) for side in sides]
        return [{pair: _opened(layers, deciding, ends) for pair, ends in _pairs(layers)} for layers in every]

    def _openings(self, standing: Deployed, before: Deployed, pods: Pods) -> Iterator[tuple[Deciding, Openings]]:
        """Yield what is open, by the layers that decide it.

        Before the first deployment pods carry groups of others, whose rules are not known: there the pod layer decides
        alone, until a pod carries a group of this program's.
        """
        firewall = standing.firewall(self._environment)
        worn = before.firewall(self._environment).attachments if pods is Pods.RUNNING else firewall.attachments
        wearing = frozenset(attachment.service for attachment in worn)
        layers = self._layers(standing.policies, replace(firewall, attachments=worn))
        by_both: dict[Pair, PortSet] = {}
        by_pod_layer: dict[Pair, PortSet] = {}
        for pair, ends in _pairs(layers):
            if not before.is_first or all(end.name in wearing for end in ends if end.role is Role.SERVICE):
                by_both[pair] = _opened(layers, tuple(Layer), ends)
            else:
                by_pod_layer[pair] = _opened(layers, (Layer.POD,), ends)
        yield tuple(Layer), by_both
        yield (Layer.POD,), by_pod_layer

    def _layers(self, manifests: tuple[Mapping[str, object], ...], firewall: VpcFirewall) -> Layers:
        return Layers(self._matrix, self._environment, manifests, firewall)

    @property
    def _environment(self) -> Environment:
        environment = self._newest.environment
        if not self.before or not self.after:
            return environment
        places = dict([*self.before.environment.places, *self.after.environment.places])
        return replace(environment, places=tuple(sorted(places.items(), key=lambda place: place[0])))

    @property
    def _matrix(self) -> Matrix:
        """Both matrices' endpoints; which flows there are does not matter to what stands."""
        newest = self._newest.matrix
        if not self.before or not self.after:
            return newest
        services = {each.name: each for each in (*self.before.matrix.services, *newest.services)}
        externals = {each.name: each for each in (*self.before.matrix.externals, *newest.externals)}
        return replace(newest, services=tuple(services.values()), externals=tuple(externals.values()))

    @property
    def _newest(self) -> CompiledFirewall:
        found = self.after or self.before
        assert found, "a transition from nothing to nothing"
        return found


def _pairs(layers: Layers) -> Iterator[tuple[Pair, tuple[Position, Position]]]:
    """Yield every pair with a service at an end."""
    for one in layers.positions:
        for other in layers.positions:
            if one is not other and Role.SERVICE in {one.role, other.role}:
                yield (one.name, other.name), (one, other)


def _opened(layers: Layers, deciding: Deciding, ends: tuple[Position, Position]) -> PortSet:
    found = ALL_PORTS
    for layer in deciding:
        found &= layers.opened(layer, *ends)
    return found


def _in_all(sides: list[Openings]) -> Openings:
    return {pair: reduce(PortSet.__and__, (side.get(pair, NO_PORTS) for side in sides)) for pair in sides[0]}


def _in_any(sides: list[Openings]) -> Openings:
    pairs = {pair for side in sides for pair in side}
    return {pair: reduce(PortSet.__or__, (side.get(pair, NO_PORTS) for side in sides)) for pair in pairs}
