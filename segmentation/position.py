"""Where a connection can begin or end, as both layers see it: what the proof asks about.

Beside the services and externals of the matrix these are the ones that nobody declares and an attacker or a mistake
would use: another pod of the namespace, a pod elsewhere in the cluster, another host of the VPC, the internet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from segmentation.address_range import AddressRange, Family, whole, without
from segmentation.environment import Attachment, Environment, Network, PrefixList
from segmentation.kubernetes.workload import Workload
from segmentation.matrix import External, Labels, Matrix
from segmentation.security_group import Holder, OwnGroup, PodAttachment, VpcFirewall

DNS = "DNS"
KUBELET = "kubelet"
NODE_DNS = "DNS on the node"
_KUBE_SYSTEM = "kube-system"


class Role(StrEnum):
    """What a position is to the matrix."""

    SERVICE = "a service"
    EXTERNAL = "an external"
    IMPLIED = "what every cluster needs"
    CLIENTS = "who may reach the load balancer"
    UNDECLARED = "what nobody declares"


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """One end of connections.

    Attributes:
        name: How reports call it.
        workload: The pods, as the pod layer sees them; None for hosts.
        ranges: The addresses that it may have; where there are pods, those of the VPC.
        groups: The security groups that its interfaces carry, as far as they are known.
    """

    name: str
    role: Role
    workload: Workload | None
    ranges: tuple[AddressRange, ...]
    groups: frozenset[Holder]

    @property
    def wears_own_group(self) -> bool:
        """Whether a group of this program stands around it: its other rules are known, for there are none."""
        return any(isinstance(group, OwnGroup) for group in self.groups)


def positions(matrix: Matrix, environment: Environment, firewall: VpcFirewall) -> tuple[Position, ...]:
    """Return every position of an environment; what pods carry is read from the compiled attachments."""
    return tuple(_Survey(matrix, environment, firewall).positions())


@dataclass(frozen=True, slots=True)
class _Survey:
    matrix: Matrix
    environment: Environment
    firewall: VpcFirewall

    def positions(self) -> Iterator[Position]:
        namespace, cluster = self.matrix.namespace, self.environment.cluster
        for service in self.matrix.services:
            yield self._pods(service.name, Role.SERVICE, namespace, service.pods)
        for external in self.matrix.externals:
            yield self._external(external)
        resolver = Workload(_KUBE_SYSTEM, "kube-dns", DNS, {"k8s-app": "kube-dns"})
        yield Position(DNS, Role.IMPLIED, resolver, self._vpc, frozenset({cluster.group}))
        if cluster.attachment is Attachment.PODS:
            yield Position(KUBELET, Role.IMPLIED, None, (), frozenset({cluster.nodes}))
        if cluster.resolvers:
            yield Position(NODE_DNS, Role.IMPLIED, None, _ranges(cluster.resolvers), frozenset())
        clients = self.environment.load_balancer.clients
        networks = clients.networks if isinstance(clients, PrefixList) else clients
        front = self.environment.load_balancer.external
        yield Position(f"clients of {front}", Role.CLIENTS, None, _ranges(networks), frozenset())
        yield self._pods(f"another pod of {namespace}", Role.UNDECLARED, namespace, ())
        yield self._pods("a pod elsewhere in the cluster", Role.UNDECLARED, "elsewhere", ())
        yield from self._hosts(networks)

    @property
    def _vpc(self) -> tuple[AddressRange, ...]:
        return _ranges(self.environment.vpc_networks)

    def _pods(self, name: str, role: Role, namespace: str, labels: Labels) -> Position:
        workload = Workload(namespace, name, "pods", dict(labels))
        worn: list[Holder] = [each.group for each in self._attachments(namespace, labels)]
        groups = frozenset(worn or [self.environment.cluster.nodes])
        return Position(name, role, workload, self._vpc, groups)

    def _attachments(self, namespace: str, labels: Labels) -> Iterator[PodAttachment]:
        if namespace != self.matrix.namespace:
            return iter(())
        return (each for each in self.firewall.attachments if set(each.pods) <= set(labels))

    def _external(self, external: External) -> Position:
        if external.namespace is not None:
            return self._pods(external.name, Role.EXTERNAL, external.namespace, external.pods)
        place = self.environment.place(external.name)
        groups: frozenset[Holder] = frozenset(place.groups)
        if external.name == self.environment.load_balancer.external:
            groups = frozenset({OwnGroup(external.name)})
        return Position(external.name, Role.EXTERNAL, None, _ranges(place.networks), groups)

    def _hosts(self, clients: tuple[Network, ...]) -> Iterator[Position]:
        """Yield the hosts of the VPC and of the internet, without those whose addresses alone make them an external."""
        by_address = [network for _, place in self.environment.places if not place.groups for network in place.networks]
        front = self.environment.place(self.environment.load_balancer.external)
        named = [network for network in by_address if network not in front.networks]
        taken = _ranges([*named, *clients])
        vpc = tuple(left for block in self._vpc for left in without(block, taken))
        yield Position("another host of the VPC", Role.UNDECLARED, None, vpc, frozenset())
        beyond = (*taken, *self._vpc, *_ranges(self.environment.cluster.resolvers))
        internet = tuple(left for family in Family for left in without(whole(family), beyond))
        yield Position("the internet", Role.UNDECLARED, None, internet, frozenset())


def _ranges(networks: Iterable[Network]) -> tuple[AddressRange, ...]:
    return tuple(AddressRange.of(str(network)) for network in networks)


def any_overlap(ranges: Iterable[AddressRange], others: Iterable[AddressRange]) -> bool:
    """Tell whether an address is in one of each."""
    return any(one.overlaps(other) for one in ranges for other in others)
