"""Whether a matrix allows one connection, one question at a time, in the words of its documentation.

It reads only the matrix and the environment and uses neither compiler; the compiled output must agree with it.
"""

from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, group_of_all_pods
from flash_ticket.firewall.declare.choices import Attachment, DnsMode, Network
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.naive.naive_evaluator import Address, Pod, Question
from tests.support.naive.naive_security_groups import Interface, Packet

_address = cache(ip_address)  # parsing the same few addresses again and again would take most of the time


def pod_layer_allows(matrix: Matrix, environment: Environment, asked: Question) -> bool:
    """Return whether each end of the connection that is a pod of a firewalled namespace may take part in it."""
    return _pod_may(matrix, environment, asked, Direction.EGRESS) and _pod_may(
        matrix, environment, asked, Direction.INGRESS
    )


def _pod_may(matrix: Matrix, environment: Environment, asked: Question, direction: Direction) -> bool:
    leaving = direction is Direction.EGRESS
    own, other = (asked.source, asked.destination) if leaving else (asked.destination, asked.source)
    if isinstance(own, Address) or own.namespace not in _firewalled(matrix):
        return True  # "the pods of other namespaces stay as they are"
    for service in matrix.services:
        if own.namespace != (service.namespace or matrix.namespace) or not _has_labels(own, dict(service.pods)):
            continue
        if leaving and asked.port == 53 and _answers_dns(environment, other):
            return True  # "DNS is implied for every service"
        for flow in matrix.flows:
            here, there = (flow.source, flow.target) if leaving else (flow.target, flow.source)
            named = here == service.name and _is_at(matrix, environment, other, there)
            if named and _any_holds(flow.ports, asked.protocol, asked.port):
                return True
    return False  # "what is not here is denied"


def _firewalled(matrix: Matrix) -> set[str]:
    return {matrix.namespace, *(service.namespace for service in matrix.services if service.namespace)}


def _has_labels(pod: Pod, labels: dict[str, str]) -> bool:
    return all(pod.labels.get(key) == value for key, value in labels.items())


def _answers_dns(environment: Environment, endpoint: Pod | Address) -> bool:
    if isinstance(endpoint, Pod):
        return endpoint.namespace == "kube-system" and _has_labels(endpoint, {"k8s-app": "kube-dns"})
    local = environment.cluster.dns is DnsMode.NODE_LOCAL
    return local and _in_any(endpoint.text, environment.cluster.resolvers)


def _is_at(matrix: Matrix, environment: Environment, endpoint: Pod | Address, name: str) -> bool:
    known = matrix.endpoints[name]
    if isinstance(known, External) and known.namespace is None:
        return isinstance(endpoint, Address) and _in_any(endpoint.text, environment.place(name).networks)
    namespace = known.namespace or matrix.namespace
    return isinstance(endpoint, Pod) and endpoint.namespace == namespace and _has_labels(endpoint, dict(known.pods))


def interface_may_send(matrix: Matrix, environment: Environment, packet: Packet) -> bool:
    """Return whether an endpoint with one of the source's groups may open the connection."""
    if _is_dns_query(matrix, environment, packet) or _may_be_probe(matrix, environment, packet):
        return True
    return any(
        _any_holds(flow.ports, packet.protocol, packet.port)
        and _has_group_of(matrix, environment, packet.source, flow.source)
        and _is_known_as(matrix, environment, packet.target, flow.target)
        for flow in matrix.flows
    )


def interface_may_receive(matrix: Matrix, environment: Environment, packet: Packet) -> bool:
    """Return whether an endpoint with one of the target's groups may accept the connection."""
    if _is_dns_query(matrix, environment, packet) or _is_client(environment, packet):
        return True
    if _is_probe(matrix, environment, packet):
        return True
    return any(
        _any_holds(flow.ports, packet.protocol, packet.port)
        and _has_group_of(matrix, environment, packet.target, flow.target)
        and _is_known_as(matrix, environment, packet.source, flow.source)
        for flow in matrix.flows
    )


def _is_dns_query(matrix: Matrix, environment: Environment, packet: Packet) -> bool:
    """DNS is implied for every service, and CoreDNS has one of the groups of DNS."""
    if packet.port != 53 or not any(each in packet.target.groups for each in environment.cluster.groups_of_dns):
        return False
    return any(_has_group_of(matrix, environment, packet.source, each.name) for each in matrix.services)


def _is_probe(matrix: Matrix, environment: Environment, packet: Packet) -> bool:
    """A kubelet probes pods that have their own group from outside the group, on any of their ports."""
    if Attachment.PODS not in environment.cluster.in_use or not _is_node(environment, packet.source):
        return False
    return any(
        OwnGroup(service.name) in packet.target.groups and _any_holds(service.ports, packet.protocol, packet.port)
        for service in matrix.services
    )


def _may_be_probe(matrix: Matrix, environment: Environment, packet: Packet) -> bool:
    """Nodes may send to the pods that carry the group of all pods on every port; the pods' groups decide."""
    if Attachment.PODS not in environment.cluster.in_use or not _is_node(environment, packet.source):
        return False
    known = {port.protocol for service in matrix.services for port in service.ports}
    return group_of_all_pods(matrix.namespace) in packet.target.groups and packet.protocol in known


def _is_client(environment: Environment, packet: Packet) -> bool:
    for front in environment.load_balancers:
        allowed = front.clients.networks if isinstance(front.clients, PrefixList) else front.clients
        if (
            OwnGroup(front.external) in packet.target.groups
            and _in_any(packet.source.address, allowed)
            and _any_holds(front.listeners, packet.protocol, packet.port)
        ):
            return True
    return False


def _is_node(environment: Environment, interface: Interface) -> bool:
    return any(group in interface.groups for group in environment.cluster.nodes)


def _groups_of(matrix: Matrix, environment: Environment, name: str) -> tuple[OwnGroup | Group, ...]:
    known = matrix.endpoints[name]
    if any(name == front.external for front in environment.load_balancers):
        return (OwnGroup(name),)
    if isinstance(known, External) and known.namespace is None:
        return environment.place(name).groups
    if isinstance(known, External):
        return environment.cluster.nodes
    by_attachment: dict[Attachment, tuple[OwnGroup | Group, ...]] = {
        Attachment.PODS: (OwnGroup(name),),
        Attachment.NODES: environment.cluster.nodes,
    }
    return tuple(group for each in environment.cluster.in_use for group in by_attachment[each])


def _has_group_of(matrix: Matrix, environment: Environment, interface: Interface, name: str) -> bool:
    return any(group in interface.groups for group in _groups_of(matrix, environment, name))


def _is_known_as(matrix: Matrix, environment: Environment, interface: Interface, name: str) -> bool:
    if _is_of_the_node(interface.address):
        return False  # "link-local addresses never cross an interface that groups judge"
    if _groups_of(matrix, environment, name):
        return _has_group_of(matrix, environment, interface, name)
    return _in_any(interface.address, environment.place(name).networks)


def _is_of_the_node(address: str) -> bool:
    return _address(address).is_link_local or address.startswith("fd00:ec2:")


def _in_any(address: str, networks: Iterable[Network]) -> bool:
    return any(_address(address) in network for network in networks)


def _any_holds(ports: tuple[PortRange, ...], protocol: str, port: int) -> bool:
    return any(each.protocol == protocol and each.first <= port <= each.last for each in ports)
