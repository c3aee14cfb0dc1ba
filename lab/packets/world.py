"""Everything that connections can begin or end at, for real: pods on the node, hosts behind it, listeners on each."""

import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from flash_ticket.firewall.analyse.cluster import NAME_LABEL
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import DNS, INTERNET, KUBELET, NODE_DNS, VPC_HOST, Endpoint, Role
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.ports import PortRange
from lab.node.network import NODE_NAMESPACE, add_host, pod_namespaces
from lab.node.node import Node
from lab.node.pods import pod_spec
from lab.node.programs import NodeError
from lab.packets.connections import Listeners

_ATTEMPTS = 3
_WAITS = ["/bin/busybox", "sleep", "2147483647"]
_FROM_THE_END = 5  # pods have addresses from the start of their range on
_CANDIDATES = {INTERNET: "192.0.0.33", VPC_HOST: "250.7"}
_DNS_POD = ("kube-system", "coredns-5d78c9-node")


@dataclass(frozen=True, slots=True)
class End:
    """One end of connections that is really there.

    Attributes:
        name: How the proof calls the endpoint.
        namespace: Its network namespace.
        address: Its own address.
        pod: Kubernetes namespace and name, where it is a pod.
        cluster_ip: The address of the Service in front of it; empty without one.
    """

    name: str
    namespace: Path
    address: str
    pod: tuple[str, str] | None = None
    cluster_ip: str = ""


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

    def make(self, layers: BothLayers, ports: Iterable[PortRange], generation: int) -> list[End]:
        """Make the ends of a declaration, all ready and listening, and return them.

        Args:
            layers: Whose endpoints are made.
            ports: On which every end listens.
            generation: A number that no other declaration on this node has: pods are named after it, because the
                agent keeps one set of programs for the pods of one owner.
        """
        ports = sorted(set(ports))
        pods = {each.name: each for each in layers.endpoints if each.workload and each.name != DNS}
        names = {name: _pod(each, generation) for name, each in pods.items()}
        self.objects = []
        namespaces: dict[str, dict[str, str]] = {_DNS_POD[0]: {}}
        for name, manifest in names.items():
            labels = {key: _value(value) for key, value in pods[name].namespace_labels.items() if key != NAME_LABEL}
            namespaces.setdefault(manifest["metadata"]["namespace"], {}).update(labels)
        for namespace, labels in namespaces.items():
            self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
        for manifest in names.values():
            self._apply(manifest)
        services = dict(self._services(layers, ports))
        ready = {
            name: (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) for name, manifest in names.items()
        }
        ready[DNS] = _DNS_POD
        self.objects.append(self._labelled_dns())
        addresses = self.node.wait_until_ready(ready)
        by_address = self._namespaces_of(set(addresses.values()))
        ends = [
            End(name, by_address[address], address, ready[name], services.get(name, ""))
            for name, address in addresses.items()
        ]
        self._left = [end.namespace for end in ends if end.name != DNS]
        ends += self._make_hosts(layers)
        ends += self._make_resolver(layers)
        for end in ends:
            wanted = set(ports) - self._listening.setdefault(end.namespace, set())
            self._listeners.listen(end.namespace, end.address if end.pod is None else "0.0.0.0", sorted(wanted))  # noqa: S104 - a pod's namespace
            self._listening[end.namespace] |= wanted
        return ends

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
            if each["kind"] in ("Pod", "Service") and each["metadata"]["name"] != _DNS_POD[1]:
                self.node.api.delete(each)

    def _apply(self, manifest: dict[str, Any]) -> None:
        self.node.api.apply(manifest)
        self.objects.append(manifest)

    def _labelled_dns(self) -> dict[str, Any]:
        namespace, name = _DNS_POD
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"k8s-app": "kube-dns"}},
            "spec": {"containers": []},
        }

    def _services(self, layers: BothLayers, ports: Iterable[PortRange]) -> Iterator[tuple[str, str]]:
        """Make a Service in front of each service's pods, and yield its address."""
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
            yield service.name, str(made["spec"]["clusterIP"])

    def _namespaces_of(self, addresses: set[str]) -> dict[str, Path]:
        for _ in range(_ATTEMPTS):
            found = pod_namespaces()
            if addresses <= found.keys():
                return found
        raise NodeError(f"no network namespace is found for {', '.join(sorted(addresses - found.keys()))}")

    def _make_hosts(self, layers: BothLayers) -> list[End]:
        """Make one host for each address; what shares addresses is one host, for packets cannot tell it apart."""
        names: dict[IPv4Address, list[str]] = {}
        for endpoint in layers.endpoints:
            if not endpoint.workload and endpoint.name not in (KUBELET, NODE_DNS):
                for address in _addresses(endpoint, self.node):
                    names.setdefault(address, []).append(endpoint.name)
        for address in names.keys() - self._hosts.keys():
            self._hosts[address] = add_host(f"host{len(self._hosts)}", address)
        return [End(", ".join(called), self._hosts[address], str(address)) for address, called in names.items()]

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


def _pod(endpoint: Endpoint, generation: int) -> dict[str, Any]:
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
