"""The endpoints of the proof: every possible source and destination of connections, as both layers see it.

Besides the services and externals of the matrix, there are undeclared endpoints, which an attacker or a mistake could
use: another pod of each namespace, a pod elsewhere in the cluster, another host of the VPC, and the internet. Selectors
of the compiled output that match other pods add endpoints for them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from flash_ticket.firewall.analyse.admin.admin_policy import AdminPolicy
from flash_ticket.firewall.analyse.cluster import NAME_LABEL
from flash_ticket.firewall.analyse.label_selector import Operator, Selector
from flash_ticket.firewall.analyse.names.name_space import NO_NAMES, NameSpace
from flash_ticket.firewall.analyse.policy import PodPeer, Policy
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.bind.environment import Environment, PrefixList
from flash_ticket.firewall.compile.vpc_layer import Holder, OwnGroup, PodAttachment, VpcFirewall, group_of_all_pods
from flash_ticket.firewall.declare.choices import Attachment, Network
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service, label_text
from flash_ticket.firewall.terms.addresses import (
    AddressRange,
    Family,
    stay_on_node,
    takes_in_the_internet,
    whole,
    without,
)

DNS = "DNS"
KUBELET = "the kubelet"
NODE_DNS = "DNS on the node"
THROUGH_NODE = "any IPv4 address, through the node"
POD_ELSEWHERE = "a pod elsewhere in the cluster"
VPC_HOST = "another host of the VPC"
INTERNET = "the internet"
_KUBE_SYSTEM = "kube-system"

# No service, external or namespace can have these names, because theirs contain no spaces.
_ELSEWHERE = "another namespace"
_ANY_VALUE = "any value"


class Role(StrEnum):
    """The relation of an endpoint to the matrix."""

    SERVICE = "a service"
    EXTERNAL = "an external"
    IMPLIED = "what every cluster needs"
    CLIENTS = "the clients of the load balancer"
    UNDECLARED = "anything that is not declared"


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One end of connections.

    Attributes:
        name: Its name in reports.
        workload: The pods, as the pod layer sees them; None for hosts.
        ranges: Its possible addresses.
        groups: Its known security groups. Pods with groups of this program have all of them; each interface of other
            pods, of a place and of DNS has at least one.
        namespace_labels: The labels of the pods' namespace.
        listed: The prefix list that contains its addresses.
        anywhere: What the VPC layer takes it for if it is known by domain names: every address that pods can reach.
            Its ranges then stand for the names.
        has_own_group: Whether it has a group of this program, whose rules are all known.
        stays_on_node: Whether packets to it cross no network interface that groups judge.
    """

    name: str
    role: Role
    workload: Workload | None
    ranges: tuple[AddressRange, ...]
    groups: frozenset[Holder]
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    listed: PrefixList | None = None
    anywhere: tuple[AddressRange, ...] = ()
    has_own_group: bool = field(init=False, repr=False)
    stays_on_node: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        is_local = not self.workload and not self.groups and stay_on_node(self.ranges)
        object.__setattr__(self, "stays_on_node", is_local)
        object.__setattr__(self, "has_own_group", any(isinstance(group, OwnGroup) for group in self.groups))

    @property
    def interfaces(self) -> tuple[frozenset[Holder], ...]:
        """The groups of each kind of interface that it can have; without groups there is none."""
        if self.workload and self.has_own_group:
            return (self.groups,)
        return tuple(frozenset({group}) for group in sorted(self.groups, key=lambda each: each.label))


def another_pod(namespace: str) -> str:
    """Return the name of the pods of a firewalled namespace that belong to no service."""
    return f"another pod of {namespace}"


def before_restart(service: str) -> str:
    """Return the name of a service's pods that still have the previous attachment."""
    return f"{service} before its restart"


def without_shared_group(service: str) -> str:
    """Return the name of a service's pods that carry its group, but not yet that of all pods."""
    return f"{service} with its own group alone"


def clients_of(load_balancer: str) -> str:
    """Return the name of the clients of the load balancer."""
    return f"clients of {load_balancer}"


def endpoints(
    matrix: Matrix,
    environment: Environment,
    firewall: VpcFirewall,
    policies: Iterable[Policy | AdminPolicy],
    names: NameSpace = NO_NAMES,
) -> tuple[Endpoint, ...]:
    """Return every endpoint of an environment; the compiled attachments decide the pods' groups."""
    survey = _Survey(matrix, environment, firewall, names)
    known = tuple(survey.endpoints())
    return (*known, *survey.strangers(known, tuple(policies)))


def pods_with(
    matrix: Matrix, environment: Environment, firewall: VpcFirewall, namespace: str, labels: Labels
) -> Endpoint:
    """Return the pods of a namespace that have exactly these labels."""
    words = f"a pod of {namespace} with {label_text(labels)}"
    return _Survey(matrix, environment, firewall).pods(words, Role.UNDECLARED, namespace, dict(labels))


@dataclass(frozen=True)
class _Survey:
    matrix: Matrix
    environment: Environment
    firewall: VpcFirewall
    names: NameSpace = NO_NAMES

    def endpoints(self) -> Iterator[Endpoint]:
        cluster = self.environment.cluster
        for service in self.matrix.services:
            yield self._service(service.name, service)
        for external in self.matrix.externals:
            yield self._external(external)
        services = self._without_theirs(cluster.services)  # the one of the API is no address of kube-dns
        dns = self._workload(_KUBE_SYSTEM, "kube-dns", {"k8s-app": "kube-dns"})
        resolver = replace(dns, kind=DNS, cluster_ips=services)
        groups: frozenset[Holder] = frozenset(cluster.groups_of_dns)
        yield Endpoint(DNS, Role.IMPLIED, resolver, self._of_pods, groups, {NAME_LABEL: _KUBE_SYSTEM})
        if Attachment.PODS in cluster.in_use:
            yield Endpoint(KUBELET, Role.IMPLIED, None, self._vpc, frozenset(cluster.nodes))
        if cluster.resolvers:
            yield Endpoint(NODE_DNS, Role.IMPLIED, None, _ranges(cluster.resolvers), frozenset())
        for name, front in self.environment.fronts.items():
            listed = front.clients if isinstance(front.clients, PrefixList) else None
            ranges = _ranges(front.networks_of_clients)
            yield Endpoint(clients_of(name), Role.CLIENTS, None, ranges, frozenset(), {}, listed)
        for namespace in self.matrix.namespaces:
            yield self.pods(another_pod(namespace), Role.UNDECLARED, namespace, {})
        yield self.pods(POD_ELSEWHERE, Role.UNDECLARED, _ELSEWHERE, {})
        yield from self._hosts()
        if cluster.leaves_through_nodes:
            yield Endpoint(THROUGH_NODE, Role.UNDECLARED, None, (), frozenset())
        if cluster.leaving:
            yield from self._not_restarted(cluster.leaving)
        if Attachment.PODS in cluster.in_use:
            yield from self._waiting()

    def _not_restarted(self, attachment: Attachment) -> Iterator[Endpoint]:
        """Yield each service's pods with the previous attachment: interfaces keep their groups until a restart."""
        for service in self.matrix.services:
            pods = self._service(before_restart(service.name), service)
            own: list[Holder] = [OwnGroup(service.name), group_of_all_pods(self.matrix.namespace)]
            groups = own if attachment is Attachment.PODS else self.environment.cluster.nodes
            yield replace(pods, groups=frozenset(groups))

    def _waiting(self) -> Iterator[Endpoint]:
        """Yield the pods of services that do not carry the group of all pods yet."""
        for service in self.matrix.services:
            if service.name in self.environment.waiting:
                pods = self._service(without_shared_group(service.name), service)
                yield replace(pods, groups=frozenset({OwnGroup(service.name)}))

    def strangers(self, known: Iterable[Endpoint], policies: Iterable[Policy | AdminPolicy]) -> Iterator[Endpoint]:
        """Yield an endpoint for each unknown pod that a selector of a policy or attachment matches."""
        seen = {
            (endpoint.workload.namespace, frozenset(endpoint.workload.labels.items()))
            for endpoint in known
            if endpoint.workload
        }
        for namespace, labels in self._meant(policies):
            name = namespace.get(NAME_LABEL) or (label_text(sorted(namespace.items())) if namespace else _ELSEWHERE)
            key = (name, frozenset(labels.items()))
            if key not in seen:
                seen.add(key)
                words = f"a pod of {name}" + (f" with {label_text(sorted(labels.items()))}" if labels else "")
                yield self.pods(words, Role.UNDECLARED, name, labels, namespace)

    def _meant(self, policies: Iterable[Policy | AdminPolicy]) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
        """Yield the labels of a namespace and of a pod in it for each selector."""
        for attachment in self.firewall.attachments:
            yield {NAME_LABEL: attachment.namespace or self.matrix.namespace}, dict(attachment.pods)
        selected: set[tuple[str, PodPeer]] = set()
        for policy in policies:
            if isinstance(policy, AdminPolicy):
                selected.update(("", peer) for peer in policy.pod_peers())
                continue
            selected.add((policy.namespace, PodPeer(None, policy.pods)))
            for rules in policy.rules.values():
                for peer in (peer for rule in rules for peer in rule.peers or ()):
                    if isinstance(peer, PodPeer):
                        selected.add((policy.namespace, peer))
        for of_policy, peer in sorted(selected, key=repr):
            namespaces = [{NAME_LABEL: of_policy}] if peer.namespaces is None else _examples(peer.namespaces)
            for namespace in namespaces:
                for labels in _examples(peer.pods):
                    yield namespace, labels

    @cached_property
    def _vpc(self) -> tuple[AddressRange, ...]:
        return _ranges(self.environment.vpc_networks)

    @cached_property
    def _of_services(self) -> tuple[AddressRange, ...]:
        """The addresses that Services can have, without those of kube-dns and the API, which lead to no other pods."""
        known = _ranges((*self.environment.cluster.resolvers, *self.environment.only_theirs))
        return tuple(left for block in _ranges(self.environment.cluster.services) for left in without(block, known))

    @cached_property
    def _of_pods(self) -> tuple[AddressRange, ...]:
        return self._without_theirs(self.environment.pod_networks)

    def _without_theirs(self, networks: Iterable[Network]) -> tuple[AddressRange, ...]:
        """Return the addresses in networks without those that only an external has."""
        taken = _ranges(self.environment.only_theirs)
        return tuple(left for block in _ranges(networks) for left in without(block, taken))

    def _service(self, name: str, service: Service) -> Endpoint:
        return self.pods(name, Role.SERVICE, self.matrix.namespace_of(service), dict(service.pods))

    def pods(
        self,
        name: str,
        role: Role,
        namespace: str,
        labels: Mapping[str, str],
        namespace_labels: Mapping[str, str] | None = None,
    ) -> Endpoint:
        workload = self._workload(namespace, name, labels)
        own: list[Holder] = [group for each in self._attachments(namespace, labels) for group in each.groups]
        groups = frozenset(own or self.environment.cluster.nodes)
        of_namespace = {NAME_LABEL: namespace, **(namespace_labels or {})}
        return Endpoint(name, role, workload, self._of_pods, groups, of_namespace)

    def _workload(self, namespace: str, name: str, labels: Mapping[str, str]) -> Workload:
        return Workload(namespace, name, "pods", labels, addresses=self._of_pods, cluster_ips=self._of_services)

    def _attachments(self, namespace: str, labels: Mapping[str, str]) -> Iterator[PodAttachment]:
        for pair in (None, *labels.items()) if namespace in self.matrix.namespaces else ():
            for each in self._attachments_by_label.get(pair, ()):
                if set(each.pods) <= labels.items() and namespace == (each.namespace or self.matrix.namespace):
                    yield each

    @cached_property
    def _attachments_by_label(self) -> Mapping[tuple[str, str] | None, list[PodAttachment]]:
        """The attachments by their first label, so that a pod is not compared with every attachment."""
        found: dict[tuple[str, str] | None, list[PodAttachment]] = {}
        for each in self.firewall.attachments:
            found.setdefault(each.pods[0] if each.pods else None, []).append(each)
        return found

    def _external(self, external: External) -> Endpoint:
        if external.namespace is not None:
            return self.pods(external.name, Role.EXTERNAL, external.namespace, dict(external.pods))
        if external.domains:
            anywhere, named = _ranges(self.environment.anywhere), self.names.ranges(external.domains)
            return Endpoint(external.name, Role.EXTERNAL, None, named, frozenset(), {}, None, anywhere)
        place = self.environment.place(external.name)
        groups: frozenset[Holder] = frozenset(place.groups)
        if external.name in self.environment.fronts:
            groups = frozenset({OwnGroup(external.name)})
        return Endpoint(external.name, Role.EXTERNAL, None, _ranges(place.networks), groups, {}, place.prefix_list)

    def _hosts(self) -> Iterator[Endpoint]:
        """Yield the hosts of the VPC and of the internet, without the addresses that belong to an external.

        Addresses that take in the whole VPC or the internet leave nothing else there, so they are not left out: what
        is open to them is open to every other host there.
        """
        fronts, places = self.environment.fronts, self.environment.places
        by_address = [network for _, place in places if not place.groups for network in place.networks]
        of_fronts = {network for name in fronts for network in self.environment.networks_of(name)}
        clients = [network for front in fronts.values() for network in front.networks_of_clients]
        theirs = _ranges(self.environment.only_theirs)
        taken = (*_ranges([*(network for network in by_address if network not in of_fronts), *clients]), *theirs)
        vpc = tuple(left for block in self._vpc for left in without(block, taken) or without(block, theirs))
        yield Endpoint(VPC_HOST, Role.UNDECLARED, None, vpc, frozenset())
        some = (each for each in taken if not takes_in_the_internet(each))
        declared = [name for external in self.matrix.externals for name in external.domains]
        known = (*self._vpc, *_ranges(self.environment.cluster.resolvers), *self.names.ranges(declared))
        beyond = (*some, *known)
        internet = tuple(left for family in Family for left in without(whole(family), beyond))
        yield Endpoint(INTERNET, Role.UNDECLARED, None, internet, frozenset())


def _examples(selector: Selector) -> Iterator[dict[str, str]]:
    """Yield the smallest sets of labels that a selector matches, one for each value that it names."""
    named = [each for each in selector.requirements if each.operator is Operator.IN]
    least = {each.key: _ANY_VALUE for each in selector.requirements if each.operator is Operator.EXISTS}
    least |= {each.key: each.values[0] for each in named}
    for labels in (least, *({**least, each.key: value} for each in named for value in each.values[1:])):
        if selector.matches(labels):
            yield labels


def _ranges(networks: Iterable[Network]) -> tuple[AddressRange, ...]:
    return tuple(map(AddressRange.of_network, networks))


def any_overlap(ranges: Iterable[AddressRange], others: Iterable[AddressRange]) -> bool:
    """Return whether any range overlaps any other range."""
    return any(one.overlaps(other) for one in ranges for other in others)
