"""What the product says of connections between ends that have one address and one interface each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.enforcement import Enforcement, Way
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.analyse.selection import HostNetwork
from flash_ticket.firewall.analyse.workload import PodNetwork, Workload
from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.vpc_layer import Holder, OwnGroup
from flash_ticket.firewall.prove.both_layers import BothLayers, has_say
from flash_ticket.firewall.prove.endpoint import KUBELET, Endpoint, Role
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.ports import PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction, Layer, Side, Verdict
from lab.node.network import NODE_NAMESPACE
from lab.packets.connections import Attempt
from lab.packets.world import End
from lab.toolchain.node_kits import Enforcer
from lab.vpc.pods import Placement, PodMode, SourceTranslation

_ENFORCEMENT = {
    Enforcer.AWS: Enforcement.BEFORE_SERVICES,
    Enforcer.KUBE_ROUTER: Enforcement.AFTER_SERVICES,
    Enforcer.CILIUM: Enforcement.IDENTITIES,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One connection that packets and analyzer are both asked about.

    Attributes:
        by_service: The address of the destination's Service, where it is tried; else the destination's own is.
    """

    source: End
    destination: End
    port: PortRange
    by_service: str = ""

    def __str__(self) -> str:
        """Return ``api => pay : TCP 3100 by its Service``."""
        return f"{self.source.name} => {self.destination.name} : {self.port} {self.way}"

    @property
    def way(self) -> str:
        """The address that the destination is called by, in words."""
        return "by its Service" if self.by_service else "by its address"

    @property
    def attempt(self) -> Attempt:
        """What is tried."""
        return Attempt(self.source.namespace, self.by_service or self.destination.address, self.port)


@dataclass(frozen=True, slots=True)
class Said:
    """What the product says of one connection.

    Attributes:
        pod: The verdict of the pod layer; None where it has no say.
        vpc: The verdict of the VPC layer; None where it has no say, or is not asked.
    """

    pod: Verdict | None
    vpc: Verdict | None = None

    @property
    def stoppers(self) -> tuple[Layer, ...]:
        """The layers that stop it."""
        return tuple(each.layer for each in (self.pod, self.vpc) if each and not each.passes)

    @property
    def stopper(self) -> Layer | None:
        """The layer that stops it first: what the pod layer says of egress comes before the VPC, ingress after it."""
        if self.pod and not self.pod.egress.passes:
            return Layer.POD
        if self.vpc and not self.vpc.passes:
            return Layer.VPC
        return Layer.POD if self.pod and not self.pod.passes else None

    @property
    def deciding(self) -> tuple[Side, ...]:
        """What gives the answer."""
        if self.stopper is None:
            return tuple(side for each in (self.pod, self.vpc) if each for side in each.deciding)
        return tuple(side for each in (self.pod, self.vpc) if each and not each.passes for side in each.deciding)


class Analyzer:
    """The analyzer's answers to questions, with the addresses of the node's pods and the node's enforcer."""

    def __init__(self, cluster: AnalysedCluster, ends: Iterable[End], enforcer: Enforcer) -> None:
        at = {end.pod: end for end in ends if end.pod}
        workloads = tuple(_addressed(each, at.get((each.namespace, each.pod))) for each in cluster.workloads)
        self._pods = {(workload.namespace, workload.pod): workload for workload in workloads}
        self._reachability = Reachability(
            replace(cluster, workloads=workloads), HostNetwork.NODES, _ENFORCEMENT[enforcer]
        )

    def verdict(self, question: Question) -> Verdict:
        """Return the verdict of the pod layer; it has no say on the kubelet, which reaches its own pods in any case."""
        source, destination = self._party(question.source), self._party(question.destination)
        way = Way.SERVICE if question.by_service else Way.OWN
        return self._reachability.verdict(source, destination, question.port, way)

    def _party(self, end: End) -> Party:
        if end.namespace == NODE_NAMESPACE:
            return _on_node(end)
        return self._pods[end.pod] if end.pod else _host(end.address)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pods of the node are meant to be, as far as the VPC layer depends on it.

    Attributes:
        placement: Whether they are on one node, or each is on its own.
        mode: What the groups of a pod's own interface judge.
        translation: Who gives connections from pods to outside the VPC another source.
    """

    placement: Placement = Placement.SPREAD
    mode: PodMode = PodMode.STANDARD
    translation: SourceTranslation = SourceTranslation.EXTERNAL

    def __str__(self) -> str:
        """Return ``strict, pods together``."""
        left = ", sources of the node" if self.translation is SourceTranslation.NODE else ""
        return f"{self.mode.value}, pods {self.placement.value}{left}"


@dataclass(frozen=True, slots=True)
class Attached:
    """The interfaces of the ends in the account.

    Attributes:
        groups: The ids of the groups on each end's interface, by its address.
        node: The ids of the groups of the node.
        networks: The networks of the VPC.
    """

    groups: Mapping[str, frozenset[str]]
    node: frozenset[str]
    networks: tuple[AddressRange, ...]


class GroupsAnalyzer:
    """The VPC layer's answers to questions, with the interface that each end has in the account."""

    def __init__(self, views: Sequence["View"], attached: Attached, site: Site) -> None:
        """Prepare the answers.

        Args:
            views: What each declaration in the VPC knows.
            attached: The interfaces of the ends.
            site: Where the pods are.
        """
        self._views, self._attached, self._site = views, attached, site
        self._asked: dict[tuple[str, str, PortRange], Verdict | None] = {}

    def verdict(self, question: Question) -> Verdict | None:
        """Return the verdict of the VPC layer; None if it has no say."""
        key = question.source.address, question.destination.address, question.port
        if key not in self._asked:
            self._asked[key] = self._verdict(question)
        return self._asked[key]

    def is_of_node(self, question: Question) -> bool:
        """Return whether the node gives a pod's connection its own source: then the node's groups judge it."""
        is_inside = any(each.covers(_host(question.destination.address)) for each in self._attached.networks)
        as_node = self._site.translation is SourceTranslation.NODE and self._site.mode is PodMode.STANDARD
        return as_node and bool(question.source.pod) and not is_inside

    def _verdict(self, question: Question) -> Verdict | None:
        source, destination, port = question.source, question.destination, question.port
        if self._stays(source, destination):
            return None
        one = source, self._attached.node if self.is_of_node(question) else self._groups(source)
        other = destination, self._groups(destination)
        egress = self._views[source.project].side(one, other, port, Direction.EGRESS)
        ingress = self._views[destination.project].side(one, other, port, Direction.INGRESS)
        if egress is None or ingress is None:
            return None
        return Verdict(Layer.VPC, source.name, destination.name, port, egress, ingress)

    def _groups(self, end: End) -> frozenset[str]:
        return self._attached.groups.get(end.address, frozenset())

    def _stays(self, source: End, destination: End) -> bool:
        """Return whether packets stay on the node, and no interface that judges them is on their way."""
        is_together = self._site.placement is Placement.TOGETHER and source.pod and destination.pod
        if not is_together and source.name != KUBELET:  # each pod is on the node of its kubelet
            return False
        own = any(self._groups(end) != self._attached.node for end in (source, destination))
        return self._site.mode is PodMode.STANDARD or not own


class View:
    """The VPC layer as one declaration knows it."""

    def __init__(self, layers: BothLayers, holders: Mapping[str, Holder]) -> None:
        """Prepare the answers.

        Args:
            layers: The declaration.
            holders: Its groups, by their ids in the account.
        """
        self._layers = layers
        self._holders = holders
        rules = (rule for found in layers.rules_of_others.values() for rule in found or ())
        self._named = {rule.peer.id: rule.peer for rule in rules if isinstance(rule.peer, Group)}

    def side(
        self,
        source: tuple[End, frozenset[str]],
        destination: tuple[End, frozenset[str]],
        port: PortRange,
        direction: Direction,
    ) -> Side | None:
        """Return one side of the verdict on two ends with the groups of their interfaces; None without a say.

        To this declaration, the groups of a pod of another one are groups of others. A rule may name any of them.
        """
        found = None
        for one, other in product(self._endpoints(*source), self._endpoints(*destination)):
            if not has_say(Layer.VPC, one, other):
                return None
            verdict = self._layers.groups.verdict(one, other, port)
            found = verdict.egress if direction is Direction.EGRESS else verdict.ingress
            if found.passes:
                break
        return found

    def _endpoints(self, end: End, ids: frozenset[str]) -> list[Endpoint]:
        """Return an end as one endpoint, or as one for each group that this declaration does not make itself."""
        groups = frozenset(found for each in ids if (found := self._holders.get(each) or self._named.get(each)))
        workload = Workload(*end.pod, "Pod", {}) if end.pod else None
        is_own = any(isinstance(each, OwnGroup) for each in groups)
        kinds = [groups] if is_own or not groups else [frozenset({each}) for each in groups]
        return [Endpoint(end.name, Role.UNDECLARED, workload, (_host(end.address),), kind) for kind in kinds]


def is_said(layers: BothLayers, layer: Layer, question: Question) -> bool:
    """Return whether the proof opens a connection in a layer; a host may have several names.

    The proof is about the pods of the firewalled namespaces.
    """
    inside = layers.matrix.namespaces
    if not any(end.pod and end.pod[0] in inside for end in (question.source, question.destination)):
        return True
    names = [[end.name] if end.pod else end.name.split(", ") for end in (question.source, question.destination)]
    if not all(any(name in layers.named for name in either) for either in names):
        return True  # it is of a neighbour
    return any(
        layers.opened(layer, layers.named[source], layers.named[destination]).covers(PortSet((question.port,)))
        for source in names[0]
        for destination in names[1]
        if source in layers.named and destination in layers.named
    )


def _addressed(workload: Workload, end: End | None) -> Workload:
    if end is None:
        return workload
    services = (_host(end.cluster_ip),) if end.cluster_ip else ()
    return replace(workload, addresses=(_host(end.address),), cluster_ips=services)


def _on_node(end: End) -> Workload:
    """Return what answers on the node itself: an enforcer may know it as the node, whatever its address is."""
    return Workload("kube-system", "node-dns", "Pod", {}, network=PodNetwork.HOST, addresses=(_host(end.address),))


def _host(address: str) -> AddressRange:
    return AddressRange.of(f"{address}/32")
