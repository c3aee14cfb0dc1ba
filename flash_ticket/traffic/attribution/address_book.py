"""Whose an address was when a connection was opened, as an endpoint of both layers; or why that is not known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address, ip_network

from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import (
    INTERNET,
    KUBELET,
    NODE_DNS,
    POD_ELSEWHERE,
    VPC_HOST,
    Endpoint,
    Role,
    clients_of,
)
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, PortSet, Protocol
from flash_ticket.traffic.attribution.inventory import ClusterService, Inventory, Pod
from flash_ticket.traffic.attribution.place_directory import PlaceDirectory, UnknownEnd
from flash_ticket.traffic.attribution.pod_history import PodHistory
from flash_ticket.traffic.records.record import End, PodIdentity

PROTOCOLS = {6: Protocol.TCP, 17: Protocol.UDP, 132: Protocol.SCTP}
"""IANA's numbers of the protocols that have ports here."""

_PRIVATE = tuple(
    ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, 6598 and 4193."""


@dataclass(frozen=True, slots=True)
class KnownEnd:
    """Whose an address was.

    Attributes:
        pod: The pod there, if it is one.
        started: When the pod was started; None where there is none or that is not known.
        port: The port that was called, at the pods behind a Service its own port; unchanged for a caller.
    """

    endpoint: Endpoint
    pod: PodIdentity | None = None
    started: float | None = None
    port: PortRange | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """When the traffic was, in seconds since 1970."""

    first: float
    last: float


@dataclass(frozen=True)
class AddressBook:
    """The addresses of one environment.

    Attributes:
        layers: Both compiled layers in the environment that the addresses are of.
        inventory: Pods, interfaces and Services there.
    """

    layers: BothLayers
    inventory: Inventory

    @cached_property
    def history(self) -> PodHistory:
        """Who had which pod address when."""
        return PodHistory(self.inventory.pods)

    @cached_property
    def listening(self) -> frozenset[tuple[int, int]]:
        """The numbers of protocols with ports that the matrix knows to be called, and DNS."""
        matrix, front = self.layers.matrix, self.layers.environment.load_balancer
        ports = (port for endpoint in matrix.endpoints.values() for port in endpoint.ports)
        numbers = {protocol: number for number, protocol in PROTOCOLS.items()}
        return frozenset(
            (numbers[each.protocol], port)
            for each in PortSet.of((*ports, *front.listeners, *DNS_PORTS))
            for port in range(each.first, each.last + 1)
        )

    def destination(self, end: End, port: PortRange | None, span: Span) -> KnownEnd | UnknownEnd:
        """Return who was called.

        Args:
            end: The end that was called.
            port: One port; None for a protocol without.
            span: When.
        """
        if found := self._pod(end, span):
            return found if isinstance(found, UnknownEnd) else replace(found, port=port)
        if service := self._services.get(end.address):
            named = self.layers.named
            endpoint = self._pods(service.namespace, service.selector) if service.selector else named[VPC_HOST]
            return KnownEnd(endpoint, port=_behind(service, port))
        place = self._places.called(end.address, port) or self._elsewhere(end.address, span)
        if place is self.layers.named[INTERNET] and not self.inventory.services and _is_private(end.address):
            return UnknownEnd.NO_SERVICES
        return place if isinstance(place, UnknownEnd) else KnownEnd(place, port=port)

    def source(self, end: End, called: KnownEnd, span: Span) -> KnownEnd | UnknownEnd:
        """Return who called.

        Args:
            end: The end that opened the connection.
            called: The other end.
            span: When.
        """
        if found := self._pod(end, span):
            return found if isinstance(found, UnknownEnd) else replace(found, port=called.port)
        place = (
            self._kubelet(end.address, called)
            or self._places.caller(end.address, called.endpoint, called.port)
            or self._clients(end.address, called.endpoint)
            or self._elsewhere(end.address, span)
        )
        return place if isinstance(place, UnknownEnd) else KnownEnd(place, port=called.port)

    def _pod(self, end: End, span: Span) -> KnownEnd | UnknownEnd | None:
        """Return the pod of an end, the log's own word for it first."""
        told = end.pod
        if told:
            known = self.history.named(told.namespace, told.name)
            labels = told.labels or (known.labels if known else ())
            if labels or told.namespace not in self._namespaces:
                identity = PodIdentity(told.namespace, told.name, labels)
                return KnownEnd(self._pods(told.namespace, labels), identity, known.since if known else None)
        if self.history.knows(end.address):
            holder = self.history.holder(end.address, span.first, span.last)
            return _known(self._pods(holder.namespace, holder.labels), holder) if holder else UnknownEnd.UNCERTAIN
        return UnknownEnd.NO_LABELS if told else None

    def _pods(self, namespace: str, labels: Labels) -> Endpoint:
        """Return the endpoint of a pod: that whose labels it has, the most particular one first."""
        wanted = set(labels)
        for endpoint in self._in_pods.get(namespace, ()):
            if endpoint.workload and endpoint.workload.labels.items() <= wanted:
                return endpoint
        return self.layers.named[POD_ELSEWHERE]

    def _kubelet(self, address: str, called: KnownEnd) -> Endpoint | None:
        """Return the kubelet, where a node calls what is probed."""
        probed = called.endpoint.role is Role.SERVICE and called.port
        if not probed or address not in self.history.nodes:
            return None
        service = self.layers.matrix.endpoints[called.endpoint.name]
        covered = any(port.covers(probed) for port in service.ports)
        return self.layers.named.get(KUBELET) if covered else None

    def _clients(self, address: str, called: Endpoint) -> Endpoint | None:
        """Return those who may reach the load balancer, where it is called by one of them."""
        front = self.layers.environment.load_balancer.external
        clients = self.layers.named[clients_of(front)]
        return clients if called.name == front and self._places.within(address, clients.ranges) else None

    def _elsewhere(self, address: str, span: Span) -> Endpoint | UnknownEnd:
        """Return what is no pod and no place: the node's resolver, a host of the VPC, the internet."""
        named = self.layers.named
        if not self._places.is_address(address):
            return UnknownEnd.NO_ADDRESS
        if NODE_DNS in named and self._places.within(address, named[NODE_DNS].ranges):
            return named[NODE_DNS]
        if not self._places.in_vpc(address):
            return named[INTERNET]
        if address in self.history.nodes or address in self._addresses_of_hosts:
            return named[VPC_HOST]
        if not self.inventory.pods:
            return UnknownEnd.NO_PODS
        listed = self.inventory.taken if self.inventory.listed is None else self.inventory.listed
        return UnknownEnd.BEFORE_LISTING if span.first < listed else named[VPC_HOST]

    @cached_property
    def _namespaces(self) -> frozenset[str]:
        """The namespaces in which it matters what labels a pod has."""
        return frozenset(self._in_pods)

    @cached_property
    def _in_pods(self) -> Mapping[str, Sequence[Endpoint]]:
        """The endpoints that are pods by namespace, those of most labels first."""
        found: dict[str, list[Endpoint]] = defaultdict(list)
        for endpoint in self.layers.endpoints:
            if endpoint.workload and endpoint.name != POD_ELSEWHERE:
                found[endpoint.workload.namespace].append(endpoint)
        return {
            namespace: sorted(every, key=lambda each: -len(each.workload.labels if each.workload else ()))
            for namespace, every in found.items()
        }

    @cached_property
    def _services(self) -> Mapping[str, ClusterService]:
        return {address: service for service in self.inventory.services for address in service.addresses}

    @cached_property
    def _places(self) -> PlaceDirectory:
        return PlaceDirectory(self.layers, self.inventory)

    @cached_property
    def _addresses_of_hosts(self) -> frozenset[str]:
        """The addresses of interfaces that carry no pod's traffic."""
        interfaces = (each.addresses for each in self.inventory.interfaces)
        return frozenset(
            address
            for addresses in interfaces
            if not any(each in self.history.nodes or self.history.knows(each) for each in addresses)
            for address in addresses
        )


def _known(endpoint: Endpoint, pod: Pod) -> KnownEnd:
    return KnownEnd(endpoint, PodIdentity(pod.namespace, pod.name, pod.labels), pod.since)


def _behind(service: ClusterService, port: PortRange | None) -> PortRange | None:
    """Return the port of the pods that a Service sends a port to; the port itself where that is not known."""
    for outside, target in service.ports if port else ():
        if port and outside.covers(port):
            return PortRange(port.protocol, target, target)
    return port


def _is_private(address: str) -> bool:
    """Tell whether an address is of a private network, where the addresses of Services are."""
    return any(ip_address(address) in network for network in _PRIVATE)
