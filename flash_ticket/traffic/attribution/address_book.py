"""The endpoint that had an address when a connection was opened, or why it is not known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flash_ticket.firewall.bind.bind_built_in import known_addresses
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
from flash_ticket.firewall.terms.addresses import AddressRange, is_private
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, PortSet, Protocol
from flash_ticket.traffic.attribution.inventory import ClusterService, Inventory, Pod
from flash_ticket.traffic.attribution.place_directory import PlaceDirectory, UnknownEnd
from flash_ticket.traffic.attribution.pod_history import PodHistory
from flash_ticket.traffic.records.record import End, NonPod, PodIdentity

PROTOCOLS = {6: Protocol.TCP, 17: Protocol.UDP, 132: Protocol.SCTP}
"""IANA's numbers of the supported protocols with ports."""

_NODES = frozenset({NonPod.HOST, NonPod.NODE})


@dataclass(frozen=True, slots=True)
class KnownEnd:
    """The owner of an address.

    Attributes:
        pod: The pod with the address, if it is a pod.
        started: When the pod started; None if there is none or it is not known.
        port: The port that was called; behind a Service, the port of its pods. A caller has the called port too.
    """

    endpoint: Endpoint
    pod: PodIdentity | None = None
    started: float | None = None
    port: PortRange | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The period of the traffic, in seconds since 1970."""

    first: float
    last: float


@dataclass(frozen=True)
class AddressBook:
    """The addresses of one environment.

    Attributes:
        layers: Both compiled layers of the environment.
        inventory: The pods, interfaces and Services of the environment.
    """

    layers: BothLayers
    inventory: Inventory

    @cached_property
    def history(self) -> PodHistory:
        """Which pod had which address when."""
        return PodHistory(self.inventory.pods)

    @cached_property
    def listening(self) -> frozenset[tuple[int, int]]:
        """The protocol numbers and ports to which the matrix declares calls, and DNS."""
        matrix, fronts = self.layers.matrix, self.layers.environment.fronts.values()
        listeners = (port for front in fronts for port in front.listeners)
        ports = (port for endpoint in matrix.endpoints.values() for port in endpoint.ports)
        numbers = {protocol: number for number, protocol in PROTOCOLS.items()}
        return frozenset(
            (numbers[each.protocol], port)
            for each in PortSet.of((*ports, *listeners, *DNS_PORTS))
            for port in range(each.first, each.last + 1)
        )

    def destination(self, end: End, port: PortRange | None, span: Span) -> KnownEnd | UnknownEnd:
        """Return the endpoint that was called.

        Args:
            end: The end that was called.
            port: A range of one port; None for a protocol without ports.
            span: The period of the traffic.
        """
        if found := self._pod(end, span):
            return found if isinstance(found, UnknownEnd) else replace(found, port=port)
        if looked_up := self._looked_up(end.address):
            return KnownEnd(looked_up, port=port)
        if service := self._services.get(end.address):
            named = self.layers.named
            endpoint = self._pods(service.namespace, service.selector) if service.selector else named[VPC_HOST]
            return KnownEnd(endpoint, port=_behind(service, port))
        place = self._places.called(end.address, port) or self._elsewhere(end, span)
        may_be_services = not self.inventory.services and place is self.layers.named[INTERNET]
        if may_be_services and is_private(AddressRange.of(end.address)):
            return UnknownEnd.NO_SERVICES
        return place if isinstance(place, UnknownEnd) else KnownEnd(place, port=port)

    def source(self, end: End, called: KnownEnd, span: Span) -> KnownEnd | UnknownEnd:
        """Return the endpoint that called.

        Args:
            end: The end that opened the connection.
            called: The other end.
            span: The period of the traffic.
        """
        if found := self._pod(end, span):
            return found if isinstance(found, UnknownEnd) else replace(found, port=called.port)
        place = (
            self._places.alone(end.address)
            or self._kubelet(end, called)
            or self._places.caller(end.address, called.endpoint, called.port)
            or self._clients(end.address, called.endpoint)
            or self._elsewhere(end, span)
        )
        return place if isinstance(place, UnknownEnd) else KnownEnd(place, port=called.port)

    def _looked_up(self, address: str) -> Endpoint | None:
        """Return what every cluster has at an address, whether a flow names it or not, or an endpoint of AWS."""
        return self._places.alone(address) or (None if self._places.around(address) else self._built_in.get(address))

    @cached_property
    def _built_in(self) -> Mapping[str, Endpoint]:
        """The built-in peers that no flow names, by address."""
        return {
            str(network.network_address): Endpoint(
                name.value, Role.UNDECLARED, None, (AddressRange.of_network(network),), frozenset()
            )
            for name, networks in known_addresses(self.layers.environment.cluster.services).items()
            for network in networks
            if name.value not in self.layers.matrix.endpoints
        }

    def _pod(self, end: End, span: Span) -> KnownEnd | UnknownEnd | None:
        """Return the pod of an end; what the log says about it comes first."""
        named = end.pod
        if named:
            known = self.history.named(named.namespace, named.name) or self._nameless(end, named, span)
            labels = named.labels or (known.labels if known else ())
            if labels or named.namespace not in self._namespaces:
                identity = PodIdentity(named.namespace, named.name or (known.name if known else ""), labels)
                return KnownEnd(self._pods(named.namespace, labels), identity, known.since if known else None)
        if end.nonpod not in _NODES and self.history.knows(end.address):
            holder = self.history.holder(end.address, span.first, span.last)
            return _known(self._pods(holder.namespace, holder.labels), holder) if holder else UnknownEnd.UNCERTAIN
        return UnknownEnd.NO_LABELS if named else None

    def _nameless(self, end: End, named: PodIdentity, span: Span) -> Pod | None:
        """Return the pod that a log describes by its labels alone, as Cilium's DNS proxy does."""
        holder = None if named.name else self.history.holder(end.address, span.first, span.last)
        is_same = holder and holder.namespace == named.namespace and set(named.labels) <= set(holder.labels)
        return holder if is_same else None

    def _pods(self, namespace: str, labels: Labels) -> Endpoint:
        """Return the endpoint with the most labels among those whose labels the pod has, all of them."""
        wanted = set(labels)
        for endpoint in self._in_pods.get(namespace, ()):
            if endpoint.workload and endpoint.workload.labels.items() <= wanted:
                return endpoint
        return self.layers.named[POD_ELSEWHERE]

    def _kubelet(self, end: End, called: KnownEnd) -> Endpoint | None:
        """Return the kubelet if a node calls a port that is probed.

        A kubelet calls from an address of its node, or from one that the network plug-in gives its node among the pods:
        that of Cilium's router. Only the log knows the latter.
        """
        probed = called.endpoint.role is Role.SERVICE and called.port
        if not probed or (end.nonpod is not NonPod.HOST and end.address not in self.history.nodes):
            return None
        service = self.layers.matrix.endpoints[called.endpoint.name]
        covered = any(port.covers(probed) for port in service.ports)
        return self.layers.named.get(KUBELET) if covered else None

    def _clients(self, address: str, called: Endpoint) -> Endpoint | None:
        """Return the clients of a load balancer if one of them calls it."""
        clients = self.layers.named.get(clients_of(called.name))
        return clients if clients and self._places.within(address, clients.ranges) else None

    def _elsewhere(self, end: End, span: Span) -> Endpoint | UnknownEnd:
        """Return an endpoint that is neither pod nor place: the node's resolver, a host of the VPC, the internet."""
        named, address = self.layers.named, end.address
        if not self._places.is_address(address):
            return UnknownEnd.NO_ADDRESS
        if NODE_DNS in named and self._places.within(address, named[NODE_DNS].ranges):
            return named[NODE_DNS]
        if end.nonpod not in _NODES and not self._places.in_vpc(address):
            return named[INTERNET]
        if end.nonpod or address in self.history.nodes or address in self._addresses_of_hosts:
            return named[VPC_HOST]
        if not self.inventory.pods:
            return UnknownEnd.NO_PODS
        listed = self.inventory.taken if self.inventory.listed is None else self.inventory.listed
        return UnknownEnd.BEFORE_LISTING if span.first < listed else named[VPC_HOST]

    @cached_property
    def _namespaces(self) -> frozenset[str]:
        """The namespaces where the labels of a pod matter."""
        return frozenset(self._in_pods)

    @cached_property
    def _in_pods(self) -> Mapping[str, Sequence[Endpoint]]:
        """The endpoints that are pods, by namespace, those with most labels first."""
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
    """Return the port of the pods to which a Service sends a port; the port itself if that is not known."""
    for outside, target in service.ports if port else ():
        if port and outside.covers(port):
            return PortRange(port.protocol, target, target)
    return port
