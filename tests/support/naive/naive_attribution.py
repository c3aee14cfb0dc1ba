"""A second, deliberately naive attribution: for every record it looks at every pod and every network."""

from ipaddress import ip_address, ip_network

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import External, Matrix, Service
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.traffic.attribution.inventory import Inventory, Pod
from flash_ticket.traffic.records.record import Record

UNKNOWN = "?"


def naive_ends(matrix: Matrix, environment: Environment, inventory: Inventory, record: Record) -> tuple[str, str]:
    """Return the names of both ends of a TCP record; a question mark for an unknown end."""
    destination = _called(matrix, environment, inventory, record)
    return _caller(matrix, environment, inventory, record, destination), destination


def _called(matrix: Matrix, environment: Environment, inventory: Inventory, record: Record) -> str:
    address = record.destination.address
    if found := _of_pods(matrix, inventory, record, address):
        return found
    by_group, by_network, without_group = _places(matrix, environment, inventory, address)
    peer = _alone(environment, address) or ("" if by_network else _peer_of_every_cluster(environment, address))
    if peer:
        return peer
    listening = [each for each in by_group or by_network if _listens(matrix, environment, each, record.port)]
    if len(listening) == 1:
        return listening[0]
    if len(listening) > 1:
        return UNKNOWN
    left = by_group or without_group
    if len(left) == 1:
        return left[0]
    return _outside(environment, inventory, record, address)


def _caller(matrix: Matrix, environment: Environment, inventory: Inventory, record: Record, called: str) -> str:
    address = record.source.address
    if found := _of_pods(matrix, inventory, record, address) or _alone(environment, address):
        return found
    to = matrix.endpoints.get(called)
    nodes = {pod.node for pod in inventory.pods}
    if address in nodes and isinstance(to, Service) and any(_has(port, record.port) for port in to.ports):
        return "the kubelet"
    by_group, _, without_group = _places(matrix, environment, inventory, address)
    candidates = by_group or without_group
    declared = [
        each
        for each in candidates
        for flow in matrix.flows
        if (flow.source, flow.target) == (each, called) and any(_has(port, record.port) for port in flow.ports)
    ]
    if len(declared) > 1:
        return UNKNOWN
    if len(declared or candidates) == 1:
        return (declared or candidates)[0]
    for front in environment.load_balancers:
        if called == front.external and _within(address, front.clients):
            return f"clients of {front.external}"
    return _outside(environment, inventory, record, address)


def _of_pods(matrix: Matrix, inventory: Inventory, record: Record, address: str) -> str:
    """Return the endpoint of the pod at an address; a question mark if unsure; empty if no pod ever had the address."""
    nodes = {pod.node for pod in inventory.pods}
    having = [pod for pod in inventory.pods if address in pod.addresses and address not in nodes]
    if not having:
        return ""
    about = [
        pod for pod in having if any(_has_it(pod, each) for each in (record.first, record.last)) or _in(pod, record)
    ]
    if len(about) != 1 or not (_has_it(about[0], record.first) and _lasts(about[0], record.last)):
        return UNKNOWN
    pod = about[0]
    labels = dict(pod.labels)
    for endpoint in matrix.endpoints.values():
        namespace = endpoint.namespace if isinstance(endpoint, External) else endpoint.namespace or matrix.namespace
        if namespace == pod.namespace and all(labels.get(key) == value for key, value in endpoint.pods):
            return endpoint.name
    if pod.namespace == "kube-system" and labels.get("k8s-app") == "kube-dns":
        return "DNS"
    ours = {matrix.namespace, *(each.namespace for each in matrix.services)}
    return f"another pod of {pod.namespace}" if pod.namespace in ours else "a pod elsewhere in the cluster"


def _has_it(pod: Pod, at: float) -> bool:
    return (pod.since is None or pod.since <= at) and (pod.until is None or at < pod.until)


def _lasts(pod: Pod, at: float) -> bool:
    return pod.until is None or at <= pod.until


def _in(pod: Pod, record: Record) -> bool:
    """Return whether a pod started or ended during a record."""
    return any(each is not None and record.first < each <= record.last for each in (pod.since, pod.until))


def _places(
    matrix: Matrix, environment: Environment, inventory: Inventory, address: str
) -> tuple[list[str], list[str], list[str]]:
    """Return the places by the address's groups, by its networks, and by its networks if no group is known."""
    interface_groups = [set(each.groups) for each in inventory.interfaces if address in each.addresses]
    groups = {name: {group.id for group in place.groups} for name, place in environment.places}
    own = inventory.deployed.groups if inventory.deployed else ()
    for front in (each.external for each in environment.load_balancers):
        tag = {"Key": "flash-firewall:group", "Value": front}
        groups[front] = {each["GroupId"] for each in own if tag in each.get("Tags", ())}
    names = [each.name for each in matrix.externals if each.name in groups]
    names = [name for name in names if environment.place(name).occupants != "only the external"]
    by_group = [name for name in names if interface_groups and groups[name] & interface_groups[-1]]
    by_network = [name for name in names if _within(address, environment.place(name).networks)]
    return by_group, by_network, [name for name in by_network if not interface_groups or not groups[name]]


def _alone(environment: Environment, address: str) -> str:
    """Return the place that alone has an address."""
    for name, place in environment.places:
        if place.occupants == "only the external" and _within(address, place.networks):
            return name
    return ""


def _peer_of_every_cluster(environment: Environment, address: str) -> str:
    """Return what pods of every EKS cluster find at an address."""
    known = {
        "169.254.170.23": "pod-identity",
        "fd00:ec2::23": "pod-identity",
        "169.254.169.254": "instance-metadata",
        "fd00:ec2::254": "instance-metadata",
    }
    for services in environment.cluster.services:
        known[str(services[1])] = "kubernetes-api"
    return known.get(address, "")


def _listens(matrix: Matrix, environment: Environment, name: str, port: int) -> bool:
    listeners = {front.external: front.listeners for front in environment.load_balancers}
    ports = listeners[name] if name in listeners else matrix.endpoints[name].ports
    return any(_has(each, port) for each in ports)


def _has(ports: PortRange, port: int) -> bool:
    return ports.protocol == "TCP" and ports.first <= port <= ports.last


def _outside(environment: Environment, inventory: Inventory, record: Record, address: str) -> str:
    if not _within(address, environment.vpc_networks):
        return "the internet"
    crowded = {pod.node for pod in inventory.pods} | {each for pod in inventory.pods for each in pod.addresses}
    if address in {pod.node for pod in inventory.pods}:
        return "another host of the VPC"
    if any(address in each.addresses and not crowded & set(each.addresses) for each in inventory.interfaces):
        return "another host of the VPC"
    listed = inventory.taken if inventory.listed is None else inventory.listed
    return "another host of the VPC" if inventory.pods and record.first >= listed else UNKNOWN


def _within(address: str, networks: object) -> bool:
    every = networks if isinstance(networks, tuple) else getattr(networks, "networks", ())
    return any(ip_address(address) in ip_network(each) for each in every)
