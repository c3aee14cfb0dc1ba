"""What both layers let through after every single write of an engine run, held to what is declared before and after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, reduce
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.declare.matrix import Labels, Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.endpoint import KUBELET, Endpoint, Role
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer
from lab.recording.journal import Write

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
        labels: What running pods carry, by service, where it is not what is declared before.
    """

    before: CompiledFirewall | None
    after: CompiledFirewall | None
    labels: Mapping[str, Labels] = field(default_factory=dict)

    def gaps(self, run: Run) -> Iterator[Gap]:
        """Yield what does not hold after a write."""
        kept = _in_all([self._openings_of(side, tuple(Layer), self._matrix(side)) for side in self._sides])
        ever = {
            (pods, deciding): _in_any(
                [
                    self._openings_of(side, deciding, matrix)
                    for side in self._sides
                    for matrix in (self._seen(pods), self._matrix(side))
                ]
            )
            for pods in Pods
            for deciding in (tuple(Layer), (Layer.POD,))
        }
        for write in run.writes:
            denied = any(policy["metadata"]["name"] == DEFAULT_DENY for policy in write.standing.policies)
            name = f"{write.number}: {write.api} {write.action}"
            for pods in Pods:
                for deciding, found in self._openings(write.standing, run.before, pods):
                    for pair, ports in found.items():
                        if (denied or self.after) and (cut := kept.get(pair, NO_PORTS) - ports):
                            yield Gap(name, "declared before and after, and cut", pair, cut, pods)
                        if (
                            denied
                            and self._is_told_apart(pair)
                            and (opened := ports - ever[pods, deciding].get(pair, NO_PORTS))
                        ):
                            yield Gap(name, "declared neither before nor after, and open", pair, opened, pods)

    def _is_told_apart(self, pair: Pair) -> bool:
        """Tell whether a pair is no kubelet with pods that may carry the group of nodes too."""
        shared = any(Attachment.NODES in side.environment.cluster.in_use for side in self._sides)
        return not (shared and KUBELET in pair)

    def _openings_of(self, side: CompiledFirewall, deciding: Deciding, matrix: Matrix) -> Openings:
        layers = self._layers(matrix, side.layers().manifests, side.vpc)
        return {pair: _opened(layers, deciding, ends) for pair, ends in _pairs(layers)}

    def _openings(self, standing: Deployed, before: Deployed, pods: Pods) -> Iterator[tuple[Deciding, Openings]]:
        """Yield what is open, by the layers that decide it.

        Before the first deployment pods carry groups of others, whose rules are not known: there the pod layer decides
        alone, until a pod carries a group of this program's.
        """
        firewall = standing.firewall(self._environment)
        worn = before.firewall(self._environment).attachments if pods is Pods.RUNNING else firewall.attachments
        wearing = frozenset(attachment.service for attachment in worn)
        layers = self._layers(self._seen(pods), standing.policies, replace(firewall, attachments=worn))
        by_both: dict[Pair, PortSet] = {}
        by_pod_layer: dict[Pair, PortSet] = {}
        for pair, ends in _pairs(layers):
            if not before.is_first or all(end.name in wearing for end in ends if end.role is Role.SERVICE):
                by_both[pair] = _opened(layers, tuple(Layer), ends)
            else:
                by_pod_layer[pair] = _opened(layers, (Layer.POD,), ends)
        yield tuple(Layer), by_both
        yield (Layer.POD,), by_pod_layer

    def _layers(self, matrix: Matrix, manifests: tuple[Mapping[str, Any], ...], firewall: VpcFirewall) -> BothLayers:
        return BothLayers(matrix, self._environment, manifests, firewall, self._ever_selected)

    @cached_property
    def _sides(self) -> tuple[CompiledFirewall, ...]:
        """What is declared, the newest last."""
        return tuple(side for side in (self.before, self.after) if side)

    @cached_property
    def _ever_selected(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(
            {**manifest, "metadata": {**manifest["metadata"], "name": f"{manifest['metadata']['name']}-{number}"}}
            for number, side in enumerate(self._sides)
            for manifest in side.layers().manifests
        )

    @cached_property
    def _environment(self) -> Environment:
        """That of the newest, where what was bound before and is no more keeps its meaning."""
        newest = self._sides[-1].environment
        places = dict(newest.places)
        for name, place in self._sides[0].environment.places:
            if places.setdefault(name, place) != place:
                places[f"{name} formerly"] = place
        return replace(newest, places=tuple(sorted(places.items(), key=lambda place: place[0])))

    def _seen(self, pods: Pods) -> Matrix:
        """Return both matrices' endpoints, pods by the labels that they carry."""
        if pods is Pods.NEW:
            return self._matrix(self._sides[-1])
        matrix = self._matrix(self._sides[0])
        carried = (replace(each, pods=self.labels.get(each.name, each.pods)) for each in matrix.services)
        return replace(matrix, services=tuple(carried))

    def _matrix(self, side: CompiledFirewall) -> Matrix:
        """Return both matrices' endpoints, services as one of them says; flows do not matter to what stands."""
        every = [each.matrix for each in (*self._sides, side)]
        services = {each.name: each for matrix in every for each in matrix.services}
        externals = {each.name: each for matrix in (*every, self._sides[-1].matrix) for each in matrix.externals}
        newest = self._sides[-1].matrix
        return replace(newest, services=tuple(services.values()), externals=tuple(externals.values()))


def _pairs(layers: BothLayers) -> Iterator[tuple[Pair, tuple[Endpoint, Endpoint]]]:
    """Yield every pair with a service at an end, without kubelets and pods that share the group of their node."""
    for one in layers.endpoints:
        for other in layers.endpoints:
            sharing = any(end.role is Role.SERVICE and not end.wears_own_group for end in (one, other))
            if KUBELET in {one.name, other.name} and sharing:
                continue
            if one is not other and Role.SERVICE in {one.role, other.role}:
                yield (one.name, other.name), (one, other)


def _opened(layers: BothLayers, deciding: Deciding, ends: tuple[Endpoint, Endpoint]) -> PortSet:
    found = ALL_PORTS
    for layer in deciding:
        found &= layers.opened(layer, *ends)
    return found


def _in_all(sides: list[Openings]) -> Openings:
    return {pair: reduce(PortSet.__and__, (side.get(pair, NO_PORTS) for side in sides)) for pair in sides[0]}


def _in_any(sides: list[Openings]) -> Openings:
    pairs = {pair for side in sides for pair in side}
    return {pair: reduce(PortSet.__or__, (side.get(pair, NO_PORTS) for side in sides)) for pair in pairs}
