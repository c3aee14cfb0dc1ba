"""Everything that connections can begin or end at, for real: pods on the node, hosts behind it, listeners on each."""

import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from flash_ticket.firewall.analyse.cluster import NAME_LABEL
from flash_ticket.firewall.compile.vpc_layer import Holder
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import DNS, INTERNET, KUBELET, NODE_DNS, VPC_HOST, Endpoint, Role
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.ports import PortRange
from lab.node.network import NODE_NAMESPACE, add_host, pod_namespaces
from lab.node.node import DNS_POD, Node
from lab.node.pods import pod_spec
from lab.node.programs import NodeError
from lab.packets.connections import Listeners

_ATTEMPTS = 3
_WAITS = ["/bin/busybox", "sleep", "2147483647"]
_FROM_THE_END = 5  # pods have addresses from the start of their range on
_CANDIDATES = {INTERNET: "192.0.0.33", VPC_HOST: "250.7"}


@dataclass(frozen=True, slots=True)
class End:
    """One end of connections that is really there.

    Attributes:
        name: How the proof calls the endpoint.
        namespace: Its network namespace.
        address: Its own address.
        pod: Kubernetes namespace and name, where it is a pod.
        cluster_ip: The address of the Service in front of it; empty without one.
        groups: The security groups on its interface that the declaration knows.
        project: The number of the declaration that it is of: 0, or that of a neighbour in the same VPC.
    """

    name: str
    namespace: Path
    address: str
    pod: tuple[str, str] | None = None
    cluster_ip: str = ""
    groups: frozenset[Holder] = frozenset()
    project: int = 0


@dataclass(slots=True)
class World:
    """The ends of one declaration on a node.

    Attributes:
        node: Which runs.
        objects: The namespaces and pods as they were applied, for the analyzer to read.
    """

    node: Node
    objects: list[dict[str, Any]] = field(default_factory=list)
    _listeners: Listeners = field(default_factory=Listeners)
    _hosts: dict[IPv4Address, Path] = field(default_factory=dict)
    _listening: dict[Path, set[PortRange]] = field(default_factory=dict)
    _left: list[Path] = field(default_factory=list)

    def make(
        self, layers: BothLayers, ports: Iterable[PortRange], generation: int, neighbours: Sequence[BothLayers] = ()
    ) -> list[End]:
        """Make the ends of a declaration, all ready and listening, and return them.

        Args:
            layers: Whose endpoints are made.
            ports: On which every end listens.
            generation: A number that no other declaration on this node has: pods are named after it, because the
                agent keeps one set of programs for the pods of one owner.
            neighbours: Declarations for other namespaces: their services are made as well, and their places.
        """
        ports = sorted(set(ports))
        pods = {(0, each.name): each for each in layers.endpoints if each.workload and each.name != DNS}
        for project, neighbour in enumerate(neighbours, 1):
            pods |= {(project, each.name): each for each in neighbour.endpoints if each.role is Role.SERVICE}
        names = {key: _pod(each, f"{generation}" + "n" * key[0]) for key, each in pods.items()}
        self.objects = []
        namespaces: dict[str, dict[str, str]] = {DNS_POD[0]: {}}
        for key, manifest in names.items():
            labels = {name: _value(value) for name, value in pods[key].namespace_labels.items() if name != NAME_LABEL}
            namespaces.setdefault(manifest["metadata"]["namespace"], {}).update(labels)
        for namespace, labels in namespaces.items():
            self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
        for manifest in names.values():
            self._apply(manifest)
        services: dict[tuple[int, str], str] = {}
        for project, each in enumerate((layers, *neighbours)):
            services |= {(project, name): address for name, address in self._services(each, ports)}
        ready = {
            key: (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) for key, manifest in names.items()
        }
        ready[0, DNS] = DNS_POD
        self.objects.append(self._labelled_dns())
        waited = self.node.wait_until_ready({f"{project} {name}": pod for (project, name), pod in ready.items()})
        addresses = {key: waited[f"{key[0]} {key[1]}"] for key in ready}
        by_address = self._namespaces_of(set(addresses.values()))
        ends = []
        for key, address in addresses.items():
            groups = groups_of(pods.get(key) or layers.named[DNS], key[1])
            called, service = _called(key, ready[key]), services.get(key, "")
            ends.append(End(called, by_address[address], address, ready[key], service, groups, key[0]))
        self._left = [end.namespace for end in ends if end.name != DNS]
        ends += self.hosts((layers, *neighbours))
        ends += self._make_resolver(layers)
        ends.append(End(KUBELET, NODE_NAMESPACE, str(self.node.addresses.node)))
        for end in ends[:-1]:  # the kubelet only calls
            self.listen(end, ports)
        return ends

    def listen(self, end: End, ports: Iterable[PortRange]) -> None:
        """Have an end answer on some ports; it may answer on them already."""
        wanted = set(ports) - self._listening.setdefault(end.namespace, set())
        self._listeners.listen(end.namespace, end.address if end.pod is None else "0.0.0.0", sorted(wanted))  # noqa: S104 - a pod's namespace
        self._listening[end.namespace] |= wanted

    def silence(self, name: str, ends: Iterable[End]) -> None:
        """Stop answering at an end; what runs in a pod of its own accord answers on."""
        for end in ends:
            if end.name == name:
                self._listeners.close(end.namespace)

    def clear(self) -> None:
        """Remove the pods and Services of the last declaration; hosts and the cluster's DNS stay for the next."""
        for namespace in self._left:
            self._listeners.close(namespace)
            self._listening.pop(namespace, None)
        for each in self.objects:
            if each["kind"] in ("Pod", "Service") and each["metadata"]["name"] != DNS_POD[1]:
                self.node.api.delete(each)

    def _apply(self, manifest: dict[str, Any]) -> None:
        self.node.api.apply(manifest)
        self.objects.append(manifest)

    def _labelled_dns(self) -> dict[str, Any]:
        namespace, name = DNS_POD
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"k8s-app": "kube-dns"}},
            "spec": {"containers": []},
        }

    def _services(self, layers: BothLayers, ports: Iterable[PortRange]) -> Iterator[tuple[str, str]]:
        """Make a Service in front of each service's pods, and yield its address.

        One that leads to several pods has none here: who calls it does not know which of them answers.
        """
        numbered = list(ports)
        for service in layers.matrix.services:
            manifest = {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": service_name(service.name, service.pods),
                    "namespace": layers.matrix.namespace_of(service),
                },
                "spec": {
                    "selector": dict(service.pods),
                    "ports": [
                        {
                            "name": f"{port.protocol.lower()}-{port.first}",
                            "protocol": port.protocol.value,
                            "port": port.first,
                            "targetPort": port.first,
                        }
                        for port in numbered
                    ],
                },
            }
            made = self.node.api.apply(manifest)
            self.objects.append(manifest)
            if self._selected(manifest) == 1:
                yield service.name, str(made["spec"]["clusterIP"])

    def _selected(self, service: dict[str, Any]) -> int:
        """Return how many pods a Service leads to."""
        namespace, wanted = service["metadata"]["namespace"], service["spec"]["selector"].items()
        pods = [each["metadata"] for each in self.objects if each["kind"] == "Pod"]
        return sum(each["namespace"] == namespace and wanted <= each["labels"].items() for each in pods)

    def _namespaces_of(self, addresses: set[str]) -> dict[str, Path]:
        for _ in range(_ATTEMPTS):
            found = pod_namespaces()
            if addresses <= found.keys():
                return found
        raise NodeError(f"no network namespace is found for {', '.join(sorted(addresses - found.keys()))}")

    def hosts(self, all_layers: Sequence[BothLayers]) -> Iterator[End]:
        """Yield one host for each address of what has no groups, and one for each group and range of a place.

        What shares addresses without groups is one host, for packets cannot tell it apart.
        """
        names: dict[IPv4Address, list[str]] = {}
        of_groups: dict[tuple[frozenset[str], AddressRange], End] = {}
        for layers in all_layers:
            for endpoint in _hosts(layers):
                for address in () if endpoint.groups else _addresses(endpoint, self.node):
                    if endpoint.name not in names.setdefault(address, []):
                        names[address].append(endpoint.name)
        for project, layers in enumerate(all_layers):
            for endpoint in _hosts(layers):
                for number, each in enumerate(endpoint.ranges if endpoint.groups else ()):
                    groups = groups_of(endpoint, f"{endpoint.name} {number}")
                    key = frozenset(group.label for group in groups), each
                    if each.family is Family.V4 and key not in of_groups:
                        taken = {*names, *(IPv4Address(end.address) for end in of_groups.values())}
                        address = _free(each, taken)
                        of_groups[key] = End(
                            endpoint.name, self._host(address), str(address), groups=groups, project=project
                        )
        yield from (End(", ".join(called), self._host(address), str(address)) for address, called in names.items())
        yield from of_groups.values()

    def _host(self, address: IPv4Address) -> Path:
        if address not in self._hosts:
            self._hosts[address] = add_host(f"host{len(self._hosts)}", address)
        return self._hosts[address]

    def _make_resolver(self, layers: BothLayers) -> Iterator[End]:
        """Yield the DNS cache on the node, where there is one; what it sends to pods, its node sends."""
        if NODE_DNS in layers.named:
            address = str(layers.environment.cluster.resolvers[0].network_address)
            subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)  # noqa: S603, S607 - an address
            yield End(NODE_DNS, NODE_NAMESPACE, address)


def service_name(name: str, pods: Labels) -> str:
    """Return how the Service in front of a service's pods is called: as their ``app`` label says, if it may be."""
    wanted = dict(pods).get("app", name)
    return wanted if re.fullmatch(r"[a-z](?:[-a-z0-9]*[a-z0-9])?", wanted) else name


def groups_of(endpoint: Endpoint, which: str) -> frozenset[Holder]:
    """Return the groups of one interface of an endpoint.

    Args:
        endpoint: Where its interfaces can be of several kinds, each has one.
        which: What tells this interface from others; it decides about the kind.
    """
    kinds = endpoint.interfaces or (frozenset(),)
    return kinds[zlib.crc32(which.encode()) % len(kinds)]


def _called(key: tuple[int, str], pod: tuple[str, str]) -> str:
    project, name = key
    return f"{name} of {pod[0]}" if project else name


def _hosts(layers: BothLayers) -> list[Endpoint]:
    return [each for each in layers.endpoints if not each.workload and each.name not in (KUBELET, NODE_DNS)]


def _free(block: AddressRange, taken: set[IPv4Address]) -> IPv4Address:
    """Return an address of a block that no other host has."""
    for number in range(block.last - min(_FROM_THE_END, block.last - block.first), block.first - 1, -1):
        if IPv4Address(number) not in taken:
            return IPv4Address(number)
    raise NodeError(f"every address of {block} is taken")


def _pod(endpoint: Endpoint, generation: str) -> dict[str, Any]:
    workload = endpoint.workload
    if workload is None:
        raise ValueError(endpoint.name)
    # As a ReplicaSet names its pods: what stands before the last dash is the owner's.
    owner = f"{_slug(endpoint.name)[:40]}-{zlib.crc32(endpoint.name.encode()):08x}{generation}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{owner}-a",
            "namespace": _slug(workload.namespace),
            "labels": {key: _value(value) for key, value in workload.labels.items()},
        },
        "spec": pod_spec(command=_WAITS),
    }


def _addresses(endpoint: Endpoint, node: Node) -> Iterator[IPv4Address]:
    """Yield one address of each range of a place, and one address that no place declares."""
    if endpoint.role is Role.UNDECLARED:
        wanted = _CANDIDATES[endpoint.name]
        if endpoint.name == VPC_HOST:
            wanted = f"{'.'.join(str(node.addresses.network.network_address).split('.')[:2])}.{wanted}"
        address = IPv4Address(wanted)
        asked = AddressRange.of(f"{address}/32")
        if any(each.covers(asked) for each in endpoint.ranges):
            yield address
        return
    for each in endpoint.ranges:
        if each.family is Family.V4:
            yield IPv4Address(each.last - min(_FROM_THE_END, each.last - each.first))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _value(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]+", "-", text)
