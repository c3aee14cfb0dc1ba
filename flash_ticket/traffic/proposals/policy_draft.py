"""A matrix drafted from a folder of NetworkPolicies: what it declares, what it cannot say, and what then differs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from itertools import product
from typing import Any

from flash_ticket.firewall.analyse.cluster import AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.policy import PodPeer, Policy, PolicyEntry
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.declare.matrix import Labels, Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import DNS_PORTS, NO_PORTS, PortRange, PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.inventory import free_name
from flash_ticket.traffic.proposals.folder import (
    KUBE_DNS,
    PodGroup,
    PolicyFolder,
    addresses_of,
    entries,
    is_everything,
    label_sets,
)
from flash_ticket.traffic.proposals.folder_names import place_name, pods_name

Ends = tuple[str, str]
_DNS = PortSet.of(DNS_PORTS)


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """A drafted matrix and what a reviewer has to know.

    Attributes:
        places: The addresses of each external outside the cluster, as the folder writes them.
        sources: The names of the policies that each flow comes from, by its ends.
        unsaid: What the folder allows and the matrix does not say.
        left_over: Each policy whose name the draft does not keep, with the reason.
        changes: The connections that differ between the folder and the policies of the draft.
    """

    matrix: Matrix
    places: Mapping[str, tuple[AddressRange, ...]]
    sources: Mapping[Ends, tuple[str, ...]]
    unsaid: tuple[Notice, ...]
    left_over: Mapping[str, str]
    changes: tuple[Change, ...]


def draft_of_policies(cluster: AnalysedCluster, named: str) -> PolicyDraft:
    """Draft a matrix from the NetworkPolicies of a folder.

    Args:
        cluster: What the folder holds.
        named: The folder, as the user names it, for errors.

    Raises:
        InputError: The folder has no policy, policies of several namespaces, or names no pods by their labels.
    """
    return _Drafting(PolicyFolder(named, cluster)).draft()


@dataclass(slots=True)
class _External:
    """An external while it is being drafted."""

    name: str
    ports: PortSet = NO_PORTS
    ranges: tuple[AddressRange, ...] = ()
    namespace: str | None = None
    pods: Labels = ()


@dataclass
class _Drafting:
    folder: PolicyFolder
    flows: dict[Ends, PortSet] = field(default_factory=dict)
    sources: dict[Ends, set[str]] = field(default_factory=dict)
    places: dict[tuple[str, tuple[AddressRange, ...]], _External] = field(default_factory=dict)
    elsewhere: dict[tuple[str, Labels], _External] = field(default_factory=dict)
    unsaid: list[Notice] = field(default_factory=list)

    def draft(self) -> PolicyDraft:
        for policy, selector in self.folder.unclear_selectors():
            remedy = "Give these pods a label of their own, and declare them as a service"
            self._leave_out(policy, f"it selects pods by {selector}, which is not a service of this draft", remedy)
        for policy in self.folder.cluster.policies:
            for direction, entry in entries(policy):
                self._addresses(policy, direction, entry)
                self._pods_elsewhere(policy, direction, entry)
        self._between_pods()
        kept = dict(self._kept_names())
        matrix = parse_matrix(self._content(kept), self.folder.named)
        places = {each.name: each.ranges for each in self.places.values()}
        return PolicyDraft(
            matrix,
            places,
            {ends: tuple(sorted(names)) for ends, names in self.sources.items()},
            tuple(dict.fromkeys(self.unsaid)),
            dict(self._left_over({name for each in matrix.services for _, name in each.policies})),
            self._changes(matrix, places),
        )

    def _leave_out(self, policy: Policy, what: str, remedy: str) -> None:
        self.unsaid.append(Notice(f"{policy.source}: {policy.name}", what, remedy=remedy))

    def _addresses(self, policy: Policy, direction: Direction, entry: PolicyEntry) -> None:
        for ranges in addresses_of(entry):
            for group in self.folder.governed(policy):
                ports = self._sayable(policy, entry, group.workload if direction is Direction.INGRESS else None)
                if direction is Direction.EGRESS:
                    ports -= _DNS  # every service has DNS
                for port in ports:
                    called = port if direction is Direction.EGRESS else None
                    place = self._place(place_name(policy.name, direction, ranges, called), ranges)
                    ends = (group.name, place.name) if called else (place.name, group.name)
                    place.ports |= PortSet((port,)) if called else NO_PORTS
                    self._flow(ends, PortSet((port,)), policy.name)

    def _sayable(self, policy: Policy, entry: PolicyEntry, listening: Workload | None) -> PortSet:
        """Return the ports of a rule that a matrix can say, and note the others."""
        ports = entry.ports.on(listening) if listening else entry.ports.numbered
        if entry.ports.named and not (listening and ports):
            names = ", ".join(each.name for each in entry.ports.named)
            self._leave_out(policy, f"its port {names} is a name that no container here has", "Write the number")
        if is_everything(ports):
            remedy = "Declare the ports that are meant"
            self._leave_out(policy, "it allows every port, and a flow names its ports", remedy)
            return NO_PORTS
        without = PortSet(tuple(each for each in ports if each.protocol is not Protocol.SCTP))
        if without != ports:
            self._leave_out(policy, "it allows SCTP, which a security group cannot limit to ports", "Leave it closed")
        return without

    def _place(self, wanted: str, ranges: tuple[AddressRange, ...]) -> _External:
        found = self.places.get((wanted, ranges))
        if found is None:
            found = self.places[wanted, ranges] = _External(free_name(wanted, self._taken()), ranges=ranges)
        return found

    def _taken(self) -> set[str]:
        externals = (*self.places.values(), *self.elsewhere.values())
        return {*(each.name for each in self.folder.groups), *(each.name for each in externals)}

    def _flow(self, ends: Ends, ports: PortSet, *policies: str) -> None:
        self.flows[ends] = self.flows.get(ends, NO_PORTS) | ports
        self.sources.setdefault(ends, set()).update(policies)

    def _pods_elsewhere(self, policy: Policy, direction: Direction, entry: PolicyEntry) -> None:
        for peer in entry.peers or ():
            if not isinstance(peer, PodPeer) or self.folder.is_own(peer):
                continue
            if direction is Direction.EGRESS and not entry.ports.named and not entry.ports.numbered - _DNS:
                continue  # every service has DNS
            namespaces, labels = self.folder.namespaces_of(peer), label_sets(peer.pods)
            if namespaces is None or labels is None:
                where = f"{peer.pods} in namespaces with {peer.namespaces}"
                remedy = "Declare each as an external with its namespace and pods"
                self._leave_out(policy, f"it names pods by {where}, and a matrix names them one by one", remedy)
                continue
            for namespace, each in product(namespaces, labels):
                if namespace != self.folder.namespace:
                    self._other_pods(policy, direction, entry, namespace, each)

    def _other_pods(
        self, policy: Policy, direction: Direction, entry: PolicyEntry, namespace: str, labels: Labels
    ) -> None:
        found = self.elsewhere.get((namespace, labels))
        for group in self.folder.governed(policy):
            is_called = direction is Direction.EGRESS
            ports = self._sayable(policy, entry, None if is_called else group.workload)
            ports -= _DNS if is_called else NO_PORTS
            if not ports:
                continue
            if found is None:
                name = pods_name(namespace, labels, self._taken())
                found = self.elsewhere[namespace, labels] = _External(name, namespace=namespace, pods=labels)
            found.ports |= ports if is_called else NO_PORTS
            ends = (group.name, found.name) if is_called else (found.name, group.name)
            self._flow(ends, ports, policy.name)

    @cached_property
    def _before(self) -> tuple[Policy, ...]:
        return self.folder.cluster.policies

    def _between_pods(self) -> None:
        """Draft what passes both ends between two services, and note what has no end of its own in a matrix."""
        reachability = self.folder.reachability(self._before, ())
        for target in self.folder.groups:
            into = self.folder.governing(target, Direction.INGRESS)
            if not into:
                what, remedy = "no policy limits who may reach it", "Declare each caller; nobody else will reach it"
                self.unsaid.append(Notice(f"the pods of {target.name}", what, remedy=remedy))
                continue
            for source in self.folder.groups:
                ports = reachability.allowed(source.workload, _twin(target) if source is target else target.workload)
                if ports:
                    names = [each.name for each in into if _names(each, Direction.INGRESS, source)]
                    self._service_flow(source, target, ports, names)
        for source in self.folder.groups:
            if not self.folder.governing(source, Direction.EGRESS):
                what, remedy = "no policy limits what it may reach", "Declare each target; it will reach nothing else"
                self.unsaid.append(Notice(f"the pods of {source.name}", what, remedy=remedy))

    def _service_flow(self, source: PodGroup, target: PodGroup, ports: PortSet, names: Iterable[str]) -> None:
        meant = ports & target.ports if is_everything(ports) else ports
        meant = PortSet(tuple(each for each in meant if each.protocol is not Protocol.SCTP))
        if meant:
            self._flow((source.name, target.name), meant, *names)
            return
        what = f"{source.name} may reach {target.name} on {ports}, and the folder does not say where that listens"
        self.unsaid.append(Notice(", ".join(names), what, remedy="Declare the ports that are meant"))

    def _kept_names(self) -> Iterator[tuple[tuple[str, Direction], str]]:
        """Yield the policy that alone governs one service in one direction: it is taken over under its name."""
        for group, direction in product(self.folder.groups, Direction):
            alone = [
                each.name
                for each in self.folder.governing(group, direction)
                if each.rules.keys() == {direction} and each.pods.requirements and len(self.folder.governed(each)) == 1
            ]
            if len(alone) == 1 and alone[0] != DEFAULT_DENY:
                yield (group.name, direction), alone[0]

    def _left_over(self, kept: set[str]) -> Iterator[tuple[str, str]]:
        for policy in self.folder.cluster.policies:
            if policy.name in kept or policy.name == DEFAULT_DENY:
                continue
            governed = self.folder.governed(policy)
            if not any(policy.rules.values()):
                yield policy.name, f"{DEFAULT_DENY} denies what it denies"
            elif len(governed) > 1:
                names = ", ".join(each.name for each in governed)
                yield policy.name, f"it is about {names}, and each service has policies of its own"
            else:
                yield policy.name, "the draft has a policy for each service and direction, and none has this name"

    def _content(self, kept: Mapping[tuple[str, Direction], str]) -> dict[str, Any]:
        called: dict[str, PortSet] = {}
        for (_, target), ports in self.flows.items():
            called[target] = called.get(target, NO_PORTS) | ports
        services = {}
        for group in self.folder.groups:
            ports = called.get(group.name) or group.ports
            ways = Direction if ports else (Direction.EGRESS,)
            names = {way.value: kept[group.name, way] for way in ways if (group.name, way) in kept}
            services[group.name] = {
                "pods": dict(group.labels),
                **({"ports": _written(ports)} if ports else {}),
                **({"policies": names} if names else {}),
            }
        externals = {each.name: _entry(each) for each in (*self.places.values(), *self.elsewhere.values())}
        flows = [
            {"from": source, "to": target, "ports": _written(ports)} for (source, target), ports in self.flows.items()
        ]
        return {"namespace": self.folder.namespace, "services": services, "externals": externals, "flows": flows}

    def _changes(self, matrix: Matrix, places: Mapping[str, tuple[AddressRange, ...]]) -> tuple[Change, ...]:
        elsewhere = tuple(
            Workload(namespace, each.name, KUBE_DNS.kind, dict(labels))
            for (namespace, labels), each in self.elsewhere.items()
        )
        networks = {name: tuple(_networks(ranges)) for name, ranges in places.items()}
        compiled = compile_policies(matrix, _Places(networks))
        after = cluster_from(policy.manifest() for policy in compiled.policies).policies
        maps = (
            self.folder.reachability(policies, elsewhere).connections(Family).as_map()
            for policies in (self._before, after)
        )
        return changes_between(*maps)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the externals of a draft are: at the addresses that the folder writes."""

    networks: Mapping[str, tuple[Network, ...]]
    resolvers: tuple[Network, ...] = ()

    def networks_of(self, external: str) -> tuple[Network, ...]:
        return self.networks[external]


def _entry(external: _External) -> dict[str, Any]:
    entry: dict[str, Any] = {"ports": _written(external.ports)} if external.ports else {}
    if external.namespace is not None:
        entry["namespace"] = external.namespace
    if external.pods:
        entry["pods"] = dict(external.pods)
    return entry


def _written(ports: Iterable[PortRange]) -> list[dict[str, Any]]:
    return [
        {"port": each.first if each.first == each.last else each.numbers, "protocol": each.protocol.value}
        for each in ports
    ]


def _networks(ranges: Iterable[AddressRange]) -> Iterator[Network]:
    for each in ranges:
        make = IPv4Address if each.family is Family.V4 else IPv6Address
        yield from summarize_address_range(make(each.first), make(each.last))


def _twin(group: PodGroup) -> Workload:
    known = group.workload
    return Workload(known.namespace, f"{known.name}-twin", known.kind, known.labels, known.ports)


def _names(policy: Policy, direction: Direction, source: PodGroup) -> bool:
    """Return whether a rule of a policy names the pods of a service."""
    return any(
        entry.peers is None
        or any(isinstance(peer, PodPeer) and peer.pods.matches(source.workload.labels) for peer in entry.peers)
        for entry in policy.rules.get(direction, ())
    )
