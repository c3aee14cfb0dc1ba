"""Compare what both layers allow after every write of an engine run with the declarations before and after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property, reduce
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.vpc_layer import PodAttachment, VpcFirewall
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Labels, Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.endpoint import KUBELET, Endpoint, Role, before_restart
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer
from lab.recording.journal import Write

Pair = tuple[str, str]
Openings = Mapping[Pair, PortSet]
Deciding = tuple[Layer, ...]
"""The layers that decide about a connection."""


class Pods(StrEnum):
    """Which pods: an interface keeps the groups from the moment when its pod was scheduled."""

    RUNNING = "pods that ran before the update"
    NEW = "pods scheduled at that moment"


@dataclass(frozen=True, slots=True)
class Gap:
    """A claim that is false after a write.

    Attributes:
        write: Its number and action.
        claim: The false claim.
        pair: The source and the destination.
        ports: The ports.
        pods: The pods.
    """

    write: str
    claim: str
    pair: Pair
    ports: PortSet
    pods: Pods


@dataclass(frozen=True, slots=True)
class Run:
    """The writes of one run of the engine.

    Attributes:
        before: What was deployed before its first write.
        writes: In their order.
    """

    before: Deployed
    writes: Sequence[Write]


@dataclass(frozen=True)
class Transition:
    """One run of the engine, from one declaration to another.

    Attributes:
        before: The declaration before; None if nothing is deployed yet.
        after: The declaration after; None if everything is removed.
        labels: The labels of running pods by service, if they differ from the declaration before.
    """

    before: CompiledFirewall | None
    after: CompiledFirewall | None
    labels: Mapping[str, Labels] = field(default_factory=dict)

    def gaps(self, run: Run) -> Iterator[Gap]:
        """Yield the gaps after a write."""
        layers_of = cache(self._layers_of)

        @cache
        def open_on(side: CompiledFirewall, matrix: Matrix, deciding: Deciding) -> Openings:
            return _openings_of(layers_of(side, matrix), deciding)

        both, alone = tuple(Layer), (Layer.POD,)
        kept = _in_all([open_on(side, self._matrix(side), both) for side in self._sides])
        seen = {
            pods: [(side, matrix) for side in self._sides for matrix in (self._seen(pods), self._matrix(side))]
            for pods in Pods
        }
        ever = {
            (pods, deciding): _in_any([open_on(side, matrix, deciding) for side, matrix in seen[pods]])
            for pods in Pods
            for deciding in (both, alone)
        }
        by_side = [
            _of_attached(open_on(side, matrix, both), open_on(side, matrix, alone), self._attached[side])
            for side, matrix in seen[Pods.NEW]
        ]
        ever_of_new = _in_any(by_side)
        former: Deployed | None = None
        for write in run.writes:
            if write.standing is former:
                continue  # the write was of another part: records, queries, alerts
            former = write.standing
            denied = self._denials <= {policy["metadata"]["name"] for policy in write.standing.policies}
            name = f"{write.number}: {write.api} {write.action}"
            for pods, by_deciding in self._openings(write.standing, run.before):
                for deciding, found in by_deciding:
                    for pair, ports in found.items():
                        known = ever_of_new if (pods, deciding) == (Pods.NEW, alone) else ever[pods, deciding]
                        if (denied or self.after) and pair in kept and (cut := kept[pair] - ports):
                            yield Gap(name, "declared before and after, and cut", pair, cut, pods)
                        if (
                            denied
                            and self._is_distinct(pair)
                            and not set(pair) & self._imagined
                            and not self._is_undenied(pair)
                            and (opened := ports - known.get(pair, NO_PORTS))
                        ):
                            yield Gap(name, "declared neither before nor after, and open", pair, opened, pods)

    @cached_property
    def _denials(self) -> frozenset[str]:
        """The names of the default-deny policies that are declared before and after."""
        names = [frozenset(each.name for each in side.pods.denials) for side in self._sides]
        return frozenset.intersection(*names)

    def _is_undenied(self, pair: Pair) -> bool:
        """Return whether no end is in a namespace that is firewalled before and after: default-deny comes or goes."""
        return bool(set(pair) & self._pods[False]) and not set(pair) & self._pods[True]

    @cached_property
    def _pods(self) -> Mapping[bool, frozenset[str]]:
        """The names of pods in firewalled namespaces, by whether these are firewalled before and after."""
        always = frozenset.intersection(*(frozenset(side.matrix.namespaces) for side in self._sides))
        ever = {namespace for side in self._sides for namespace in side.matrix.namespaces}
        found: dict[bool, set[str]] = {True: set(), False: set()}
        for side in self._sides:
            for endpoint in self._layers_of(side, self._matrix(side)).endpoints:
                if endpoint.workload and endpoint.workload.namespace in ever:
                    found[endpoint.workload.namespace in always].add(endpoint.name)
        return {each: frozenset(names) for each, names in found.items()}

    @cached_property
    def _attached(self) -> Mapping[CompiledFirewall, frozenset[str]]:
        """The services whose new pods have a group of this program, before and after."""
        return {side: frozenset(each.service for each in side.vpc.attachments) for side in self._sides}

    def _is_distinct(self, pair: Pair) -> bool:
        """Return whether a pair is not a kubelet with pods that may have the group of nodes too."""
        shared = any(Attachment.NODES in side.environment.cluster.in_use for side in self._sides)
        return not (shared and KUBELET in pair)

    @cached_property
    def _imagined(self) -> frozenset[str]:
        """The pods from before a restart that no cluster has: the declaration before did not attach pods that way."""
        leaving = self._sides[-1].environment.cluster.leaving
        if self.before and leaving in self.before.environment.cluster.in_use:
            return frozenset()
        return frozenset(before_restart(each.name) for side in self._sides for each in side.matrix.services)

    def _layers_of(self, side: CompiledFirewall, matrix: Matrix) -> BothLayers:
        return self._layers(matrix, side.layers().manifests, side.vpc)

    def _openings(
        self, standing: Deployed, before: Deployed
    ) -> Iterator[tuple[Pods, tuple[tuple[Deciding, Openings], ...]]]:
        """Yield what is open for running and for new pods, by the layers that decide; most often it is the same."""
        firewall = standing.firewall(self._environment)
        known: dict[tuple[Matrix, tuple[PodAttachment, ...]], tuple[tuple[Deciding, Openings], ...]] = {}
        for pods in Pods:
            former = before.firewall(self._environment) if pods is Pods.RUNNING else firewall
            key = self._seen(pods), former.attachments
            if key not in known:
                layers = self._layers(key[0], standing.policies, replace(firewall, attachments=key[1]))
                known[key] = tuple(_by_deciding(layers, self._unattached(layers, is_first=before.is_first)))
            yield pods, known[key]

    def _unattached(self, layers: BothLayers, *, is_first: bool) -> frozenset[str]:
        """Return the services whose pods have groups of others: ours is not attached yet, or no longer."""
        attached = {attachment.service for attachment in layers.firewall.attachments}
        ends = {end.name: end.has_own_group for end in layers.endpoints if end.role is Role.SERVICE}
        labels = [
            {service.name: (service.pods, service.namespace) for service in side.matrix.services}
            for side in self._sides
        ]
        staying = set.intersection(*(set(each) for each in labels))
        moved = {name for name in staying if labels[0][name] != labels[-1][name] and not ends.get(name)}
        absent = ends.keys() - attached - (set() if is_first else staying)
        # Pods that another name's attachment selects have the group of that name.
        return frozenset({name for name in absent if is_first or not ends[name]} | moved)

    def _layers(self, matrix: Matrix, manifests: tuple[Mapping[str, Any], ...], firewall: VpcFirewall) -> BothLayers:
        return BothLayers(matrix, self._environment, manifests, firewall, self._ever_selected)

    @cached_property
    def _sides(self) -> tuple[CompiledFirewall, ...]:
        """The declarations, the newest last."""
        return tuple(side for side in (self.before, self.after) if side)

    @cached_property
    def _ever_selected(self) -> tuple[Mapping[str, Any], ...]:
        every = [manifest for side in self._sides for manifest in side.layers().manifests]
        return tuple(
            {**manifest, "metadata": {**manifest["metadata"], "name": f"{manifest['metadata']['name']}-{number}"}}
            for number, manifest in enumerate(every)
            if manifest not in every[:number]
        )

    @cached_property
    def _environment(self) -> Environment:
        """The newest environment. Names that were bound only before keep their meaning there."""
        newest = self._sides[-1].environment
        places = dict(newest.places)
        for name, place in self._sides[0].environment.places:
            if places.setdefault(name, place) != place:
                places[f"{name} formerly"] = place
        return replace(newest, places=tuple(sorted(places.items(), key=lambda place: place[0])))

    def _seen(self, pods: Pods) -> Matrix:
        """Return the endpoints of both matrices, pods with the labels that they have."""
        return self._matrix_of_new if pods is Pods.NEW else self._matrix_of_running

    @cached_property
    def _matrix_of_new(self) -> Matrix:
        return self._matrix(self._sides[-1])

    @cached_property
    def _matrix_of_running(self) -> Matrix:
        matrix = self._matrix(self._sides[0])
        carried = (replace(each, pods=self.labels.get(each.name, each.pods)) for each in matrix.services)
        return replace(matrix, services=tuple(carried))

    def _matrix(self, side: CompiledFirewall) -> Matrix:
        """Return the endpoints of both matrices, with the services of one; flows do not affect what is deployed."""
        every = [each.matrix for each in (*self._sides, side)]
        services = {each.name: each for matrix in every for each in matrix.services}
        externals = {each.name: each for matrix in (*every, self._sides[-1].matrix) for each in matrix.externals}
        newest = self._sides[-1].matrix
        return replace(newest, services=tuple(services.values()), externals=tuple(externals.values()))


def _by_deciding(layers: BothLayers, unattached: frozenset[str]) -> Iterator[tuple[Deciding, Openings]]:
    """Yield what is open, by the layers that decide.

    Groups of others have rules of others. The pod layer decides alone until a pod has a group of this program.
    """
    by_both: dict[Pair, PortSet] = {}
    by_pod_layer: dict[Pair, PortSet] = {}
    for pair, ends in _pairs(layers):
        if unattached.isdisjoint(pair):
            by_both[pair] = _opened(layers, tuple(Layer), ends)
        else:
            by_pod_layer[pair] = _opened(layers, (Layer.POD,), ends)
    yield tuple(Layer), by_both
    yield (Layer.POD,), by_pod_layer


def _pairs(layers: BothLayers) -> Iterator[tuple[Pair, tuple[Endpoint, Endpoint]]]:
    """Yield every pair with at least one service, without kubelets and pods that share the group of their node."""
    for service in layers.endpoints:
        if service.role is Role.SERVICE:
            for other in layers.endpoints:
                if other is not service and (other.name != KUBELET or service.has_own_group):
                    yield (service.name, other.name), (service, other)
                    if other.role is not Role.SERVICE:
                        yield (other.name, service.name), (other, service)


def _openings_of(layers: BothLayers, deciding: Deciding) -> Openings:
    return {pair: _opened(layers, deciding, ends) for pair, ends in _pairs(layers)}


def _opened(layers: BothLayers, deciding: Deciding, ends: tuple[Endpoint, Endpoint]) -> PortSet:
    found = ALL_PORTS
    for layer in deciding:
        found &= layers.opened(layer, *ends)
    return found


def _of_attached(both: Openings, alone: Openings, attached: frozenset[str]) -> Openings:
    """Return what one declaration opens for new pods: the pod layer decides alone where no end has a group of ours."""
    every = {**both, **alone}
    return {pair: (both if attached & set(pair) else alone).get(pair, NO_PORTS) for pair in every}


def _in_all(sides: list[Openings]) -> Openings:
    return {pair: reduce(PortSet.__and__, (side.get(pair, NO_PORTS) for side in sides)) for pair in sides[0]}


def _in_any(sides: list[Openings]) -> Openings:
    pairs = {pair for side in sides for pair in side}
    return {pair: reduce(PortSet.__or__, (side.get(pair, NO_PORTS) for side in sides)) for pair in pairs}
