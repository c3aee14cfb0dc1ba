"""Which workloads a policy selects, which workloads a rule's peer matches, and which ports the rule opens there."""

from collections.abc import Mapping
from enum import Enum
from functools import cached_property

from flash_ticket.firewall.analyse.cluster import NAME_LABEL, AnalysedCluster
from flash_ticket.firewall.analyse.enforcement import Enforcement, Way
from flash_ticket.firewall.analyse.label_selector import EVERYTHING, LabelIndex
from flash_ticket.firewall.analyse.policy import AddressPeer, Peer, PodPeer, Policy, PolicyEntry, RulePorts
from flash_ticket.firewall.analyse.workload import PodNetwork, Workload
from flash_ticket.firewall.terms.addresses import AddressRange, whole
from flash_ticket.firewall.terms.ports import PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction

_FEW_NAMESPACES = 8


class HostNetwork(Enum):
    """How to treat pods on their node's network; the Kubernetes documentation leaves it to the CNI.

    ``PODS``: policies and selectors apply to them as to any pod. ``NODES``: no policy governs them and no selector
    matches them, because their traffic looks like the node's. Most CNIs do the latter.
    """

    PODS = "pods"
    NODES = "nodes"


class Selection:
    """Finds a cluster's workloads by label; a workload's number is its index in ``cluster.workloads``."""

    def __init__(
        self, cluster: AnalysedCluster, host_network: HostNetwork, enforcement: Enforcement = Enforcement.PLAIN
    ) -> None:
        self._cluster = cluster
        self._host_network = host_network
        self._enforcement = enforcement
        self._labels = [workload.labels for workload in cluster.workloads]
        self._names = list(cluster.namespaces)
        self._namespaces = LabelIndex(range(len(self._names)), [cluster.namespaces[name] for name in self._names])
        inside = [number for number, workload in enumerate(cluster.workloads) if self.is_selectable(workload)]
        self._everywhere = LabelIndex(inside, self._labels)
        by_namespace: dict[str, list[int]] = {}
        for number in inside:
            by_namespace.setdefault(cluster.workloads[number].namespace, []).append(number)
        self._within = {name: LabelIndex(numbers, self._labels) for name, numbers in by_namespace.items()}
        self._named: dict[tuple[str, PodPeer], tuple[int, ...]] = {}
        self._covered: dict[tuple[AddressRange, Direction], tuple[int, ...]] = {}
        self._on_every: dict[tuple[int, RulePorts], RulePorts] = {}

    def is_selectable(self, workload: Workload) -> bool:
        """Return whether policies and selectors apply to a workload's pods."""
        return workload.network is PodNetwork.POD or self._host_network is HostNetwork.PODS

    def governed_by(self, policy: Policy) -> tuple[int, ...]:
        """Return the numbers of the workloads that a policy selects."""
        within = self._within.get(policy.namespace)
        return within.matching(policy.pods) if within else ()

    def named_by(self, peer: PodPeer, policy: Policy) -> tuple[int, ...]:
        """Return the numbers of the workloads that a peer of one of a policy's rules selects."""
        key = (policy.namespace if peer.namespaces is None else "", peer)
        found = self._named.get(key)
        if found is None:
            found = self._named[key] = self._look(peer, policy.namespace)
        return found

    def on_pod_network(self, chosen: PodPeer) -> tuple[int, ...]:
        """Return the numbers of the workloads that a policy of an administrator means, as its subject or as a peer.

        The Network Policy API leaves out pods on their node's network. Their traffic is the node's.
        """
        workloads = self._cluster.workloads
        return tuple(each for each in self._look(chosen, "") if workloads[each].network is PodNetwork.POD)

    def is_meant(self, chosen: PodPeer, workload: Workload) -> bool:
        """Return whether a policy of an administrator means a workload, which may be missing in the cluster."""
        return (
            workload.network is PodNetwork.POD
            and chosen.pods.matches(workload.labels)
            and (chosen.namespaces or EVERYTHING).matches(self.namespace_labels(workload.namespace))
        )

    def _look(self, peer: PodPeer, own: str) -> tuple[int, ...]:
        if peer.namespaces is None:
            names = [own]
        elif peer.namespaces == EVERYTHING:
            return self._everywhere.matching(peer.pods)
        else:
            names = [self._names[number] for number in self._namespaces.matching(peer.namespaces)]
        if len(names) <= _FEW_NAMESPACES:
            within = [self._within[name].matching(peer.pods) for name in names if name in self._within]
            return within[0] if len(within) == 1 else tuple(sorted(number for each in within for number in each))
        wanted = set(names)
        workloads = self._cluster.workloads
        return tuple(number for number in self._everywhere.matching(peer.pods) if workloads[number].namespace in wanted)

    def covered_by(self, block: AddressRange, direction: Direction) -> tuple[int, ...]:
        """Return the numbers of the workloads that a block of a rule's peer matches."""
        found = self._covered.get((block, direction))
        if found is None:
            numbers = (
                number
                for alike in self._alike_by_address
                if self.covers(block, self._cluster.workloads[alike[0]], direction)
                for number in alike
            )
            found = self._covered[block, direction] = tuple(sorted(numbers))
        return found

    def covers(self, block: AddressRange, workload: Workload, direction: Direction, way: Way = Way.ANY) -> bool:
        """Return whether a block of a rule's peer matches some pod of a workload, which may be missing in the cluster.

        A pod with several possible addresses is matched if one of them is.
        """
        if self._enforcement is Enforcement.PLAIN:
            return not self.is_selectable(workload) and block == whole(block.family)
        return any(block.overlaps(each) for each in self._enforcement.seen(workload, direction, way))

    @cached_property
    def _alike_by_address(self) -> list[list[int]]:
        """The numbers of the workloads that blocks cannot tell apart."""
        found: dict[object, list[int]] = {}
        for number, workload in enumerate(self._cluster.workloads):
            addresses = [self._enforcement.seen(workload, direction) for direction in Direction]
            key = (*addresses, self.is_selectable(workload))
            found.setdefault(key, []).append(number)
        return list(found.values())

    def ports_of(self, rule: PolicyEntry, policy: Policy, direction: Direction, peer: Peer | None) -> RulePorts:
        """Return the ports that a rule of a policy opens to one of its peers; None is the peer of a rule without any.

        With the controller of EKS, an ipBlock has no named ports, and neither has a rule to every destination. A named
        port of an ingress rule is open on each selected pod by every number of that name.
        """
        ports = rule.ports
        if self._enforcement is not Enforcement.BEFORE_SERVICES or not ports.named:
            return ports
        if isinstance(peer, AddressPeer) or (peer is None and direction is Direction.EGRESS):
            return RulePorts(ports.numbered)
        return self._on_every_pod(ports, policy) if direction is Direction.INGRESS else ports

    def _on_every_pod(self, ports: RulePorts, policy: Policy) -> RulePorts:
        key = (id(policy), ports)
        found = self._on_every.get(key)
        if found is None:
            selected = [self._cluster.workloads[number] for number in self.governed_by(policy)]
            numbers = PortSet.of(
                PortRange(port.protocol, number, number)
                for port in ports.named
                for workload in selected
                for number in workload.numbers_of(port.name, port.protocol)
            )
            found = self._on_every[key] = RulePorts(ports.numbered | numbers, ports.named)
        return found

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """Return the labels of a namespace, declared or not."""
        return self._cluster.namespaces.get(name) or {NAME_LABEL: name}

    def means(self, peer: PodPeer, policy: Policy, workload: Workload) -> bool:
        """Return whether a peer of one of a policy's rules selects a workload, which may be missing in the cluster."""
        if not self.is_selectable(workload) or not peer.pods.matches(workload.labels):
            return False
        if peer.namespaces is None:
            return workload.namespace == policy.namespace
        return peer.namespaces.matches(self.namespace_labels(workload.namespace))

    def governs(self, policy: Policy, workload: Workload) -> bool:
        """Return whether a policy selects a workload, which may be missing in the cluster."""
        return (
            policy.namespace == workload.namespace
            and self.is_selectable(workload)
            and policy.pods.matches(workload.labels)
        )
