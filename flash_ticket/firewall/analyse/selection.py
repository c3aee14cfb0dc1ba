"""Which workloads a policy selects, and which workloads a rule's peer selects."""

from collections.abc import Mapping
from enum import Enum

from flash_ticket.firewall.analyse.cluster import NAME_LABEL, AnalysedCluster
from flash_ticket.firewall.analyse.label_selector import EVERYTHING, LabelIndex
from flash_ticket.firewall.analyse.policy import PodPeer, Policy
from flash_ticket.firewall.analyse.workload import PodNetwork, Workload

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

    def __init__(self, cluster: AnalysedCluster, host_network: HostNetwork) -> None:
        self._cluster = cluster
        self._host_network = host_network
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
        self.on_nodes = tuple(sorted(set(range(len(self._labels))) - set(inside)))

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
            found = self._named[key] = self._look(peer, policy)
        return found

    def _look(self, peer: PodPeer, policy: Policy) -> tuple[int, ...]:
        if peer.namespaces is None:
            names = [policy.namespace]
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

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """Return the labels of a namespace, declared or not."""
        return self._cluster.namespaces.get(name) or {NAME_LABEL: name}

    def means(self, peer: PodPeer, policy: Policy, workload: Workload) -> bool:
        """Return whether a peer of one of a policy's rules selects a workload, which need not exist in the cluster."""
        if not self.is_selectable(workload) or not peer.pods.matches(workload.labels):
            return False
        if peer.namespaces is None:
            return workload.namespace == policy.namespace
        return peer.namespaces.matches(self.namespace_labels(workload.namespace))

    def governs(self, policy: Policy, workload: Workload) -> bool:
        """Return whether a policy selects a workload, which need not exist in the cluster."""
        return (
            policy.namespace == workload.namespace
            and self.is_selectable(workload)
            and policy.pods.matches(workload.labels)
        )
