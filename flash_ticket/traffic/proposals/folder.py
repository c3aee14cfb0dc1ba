"""A folder of NetworkPolicies as a draft needs it: the pods and places that its rules name, and what they allow."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from flash_ticket.firewall.analyse.cluster import NAME_LABEL, AnalysedCluster
from flash_ticket.firewall.analyse.label_selector import Operator, Selector
from flash_ticket.firewall.analyse.policy import AddressPeer, PodPeer, Policy, PolicyEntry
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.inventory import application_labels
from flash_ticket.traffic.proposals.folder_names import ANYWHERE, service_names

_MOST_SETS = 200
_KIND = "Pods"
KUBE_DNS = Workload("kube-system", "kube-dns", _KIND, {"k8s-app": "kube-dns"})
_STRANGER = Workload("another-namespace", "any-pod", _KIND, {})


@dataclass(frozen=True, slots=True)
class PodGroup:
    """The pods of one service, by the labels that tell them from all others.

    Attributes:
        workload: The same pods for the analysis, with all labels and ports that the folder knows.
    """

    name: str
    labels: Labels
    workload: Workload

    @property
    def ports(self) -> PortSet:
        """The ports that the containers declare, without SCTP; empty if the folder does not know them."""
        declared = (each for each in self.workload.ports if each.protocol is not Protocol.SCTP)
        return PortSet.of(PortRange(each.protocol, each.number, each.number) for each in declared)


@dataclass(frozen=True)
class PolicyFolder:
    """The NetworkPolicies of one namespace, with the workloads beside them if the folder has any.

    Attributes:
        named: The folder, as the user names it.
    """

    named: str
    cluster: AnalysedCluster

    @cached_property
    def namespace(self) -> str:
        """The only namespace of the policies.

        Raises:
            InputError: There is no policy, or they are of several namespaces.
        """
        found = sorted({policy.namespace for policy in self.cluster.policies})
        if not found:
            remedy = "Name the folder of NetworkPolicies, or leave --dir out to draft from recorded traffic"
            raise InputError("--dir", self.named, "these manifests hold no NetworkPolicy", remedy)
        if len(found) > 1:
            problem = f"its NetworkPolicies are of {len(found)} namespaces: {', '.join(found)}"
            raise InputError("--dir", self.named, problem, "Name the files of one namespace; draft each on its own")
        return found[0]

    @cached_property
    def groups(self) -> tuple[PodGroup, ...]:
        """The services: the workloads of the namespace, and what policies select by label and no workload is.

        Raises:
            InputError: No rule tells any pods by their labels.
        """
        found = self._labelled_workloads()
        for labels in sorted(self._selected(), key=lambda each: (len(each), each)):
            known = any(set(labels) <= set(each.labels.items()) for each in self._workloads)
            if labels and not known and not any(_may_share(labels, other) for other in found):
                found[labels] = Workload(self.namespace, "", _KIND, dict(labels))
        if not found:
            problem = "no NetworkPolicy here names pods by their labels, so there is no service to draft"
            raise InputError(
                "--dir", self.named, problem, "Add the Deployments to the folder, or write services by hand"
            )
        names = service_names(list(found))
        return tuple(
            PodGroup(name, labels, replace(workload, name=name, kind=_KIND))
            for name, (labels, workload) in sorted(zip(names, found.items(), strict=True))
        )

    @cached_property
    def _workloads(self) -> tuple[Workload, ...]:
        return tuple(each for each in self.cluster.workloads if each.namespace == self.namespace)

    def _labelled_workloads(self) -> dict[Labels, Workload]:
        """Return the workloads by the label of their application, or by all labels if two have the same application."""
        labelled = {tuple(sorted(each.labels.items())): each for each in self._workloads if each.labels}
        shared = Counter(map(application_labels, labelled))
        return {
            labels if shared[application_labels(labels)] > 1 else application_labels(labels): workload
            for labels, workload in labelled.items()
        }

    def _selected(self) -> set[Labels]:
        return {labels for selector, _ in self._own_selectors() for labels in label_sets(selector) or ()}

    def _own_selectors(self) -> Iterator[tuple[Selector, Policy]]:
        for policy in self.cluster.policies:
            yield policy.pods, policy
            for _, entry in entries(policy):
                for peer in entry.peers or ():
                    if isinstance(peer, PodPeer) and self.is_own(peer):
                        yield peer.pods, policy

    def unclear_selectors(self) -> Iterator[tuple[Policy, Selector]]:
        """Yield each selector of own pods that is not a set of labels, or that selects a part of a service."""
        for selector, policy in self._own_selectors():
            sets = label_sets(selector)
            if sets is None or not all(self._is_clear(each) for each in sets):
                yield policy, selector

    def _is_clear(self, labels: Labels) -> bool:
        selector = Selector.of(dict(labels))
        return not labels or any(selector.matches(group.workload.labels) for group in self.groups)

    def is_own(self, peer: PodPeer) -> bool:
        """Return whether a peer selects pods of the namespace of the policies."""
        return peer.namespaces is None or self.namespaces_of(peer) == (self.namespace,)

    def namespaces_of(self, peer: PodPeer) -> tuple[str, ...] | None:
        """Return the names of the namespaces that a peer selects; None if only the cluster knows them."""
        if peer.namespaces is None:
            return (self.namespace,)
        named = [each for each in peer.namespaces.requirements if each.key == NAME_LABEL]
        if len(named) == len(peer.namespaces.requirements) == 1 and named[0].operator is Operator.IN:
            return named[0].values
        found = tuple(name for name, labels in self.cluster.namespaces.items() if peer.namespaces.matches(labels))
        return found if found and peer.namespaces.requirements else None

    def governing(self, group: PodGroup, direction: Direction) -> tuple[Policy, ...]:
        """Return the policies that select a service in a direction."""
        return tuple(
            each
            for each in self.cluster.policies
            if direction in each.rules and each.pods.matches(group.workload.labels)
        )

    def governed(self, policy: Policy) -> tuple[PodGroup, ...]:
        """Return the services whose pods a policy selects."""
        return tuple(each for each in self.groups if policy.pods.matches(each.workload.labels))

    def reachability(self, policies: tuple[Policy, ...], elsewhere: tuple[Workload, ...]) -> Reachability:
        """Return what some policies allow between services, any other pod, pods elsewhere, and addresses."""
        other = Workload(self.namespace, "any-other-pod", _KIND, {})
        workloads = (*(each.workload for each in self.groups), other, KUBE_DNS, _STRANGER, *elsewhere)
        used = {each.namespace for each in workloads}
        namespaces = {name: {**self.cluster.namespaces.get(name, {}), NAME_LABEL: name} for name in sorted(used)}
        return Reachability(AnalysedCluster(namespaces, workloads, policies))


def entries(policy: Policy) -> Iterator[tuple[Direction, PolicyEntry]]:
    """Yield each rule of a policy with its direction."""
    yield from ((direction, entry) for direction, rules in policy.rules.items() for entry in rules)


def label_sets(selector: Selector) -> tuple[Labels, ...] | None:
    """Return the sets of labels that a selector means; the empty set is every pod, None no list of labels."""
    if any(each.operator is not Operator.IN for each in selector.requirements):
        return None
    pairs = [[(each.key, value) for value in each.values] for each in selector.requirements]
    size = 1
    for each in pairs:
        size *= len(each)
    if size > _MOST_SETS:
        return None
    sets = (tuple(sorted(set(each))) for each in product(*pairs))
    return tuple(each for each in sets if len(dict(each)) == len(each))


def addresses_of(entry: PolicyEntry) -> Iterator[tuple[AddressRange, ...]]:
    """Yield the addresses of each peer outside the cluster; every address for a rule without peers."""
    if entry.peers is None:
        yield ANYWHERE
    for peer in entry.peers or ():
        if isinstance(peer, AddressPeer) and peer.ranges:
            yield peer.ranges


def is_everything(ports: PortSet) -> bool:
    """Return whether ports are all of a protocol: nobody declares that for a service."""
    return any(each.first == 1 and each.last == MAX_PORT for each in ports)


def _may_share(labels: Labels, other: Labels) -> bool:
    known = dict(labels)
    return all(known.get(key, value) == value for key, value in other)
