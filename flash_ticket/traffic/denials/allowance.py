"""How to allow an undeclared connection: the line of traffic.yaml, and what has to be declared before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import yaml

from flash_ticket.firewall.compile.names.domains_layer import domains_kind
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.built_in import BuiltIn
from flash_ticket.firewall.declare.matrix import Service, label_text
from flash_ticket.firewall.declare.sections.domains import can_be_declared
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import KUBELET, Endpoint, Role, clients_of
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.attribution.inventory import application_labels, free_name
from flash_ticket.traffic.records.record import PodIdentity

_DeclaredEntry = dict[str, Any]
"""An endpoint in the form of traffic.yaml."""

_ONE_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """How to allow a connection. It widens the firewall: nobody has declared that the connection should be open.

    Attributes:
        line: A line for ``flows`` of traffic.yaml; empty if no line can allow the connection.
        before: What to declare or find out first, in the imperative.
    """

    line: str
    before: tuple[str, ...]


def allowance(layers: BothLayers, conversations: Sequence[Conversation]) -> Allowance:
    """Return how to allow what was denied.

    Args:
        layers: Both layers of the environment.
        conversations: Conversations of one pair on one port that is not declared; at least one.
    """
    return _Writer(layers, conversations).allowance()


@dataclass(frozen=True, slots=True)
class _DeclaredName:
    """The name of an end in traffic.yaml; empty if the end cannot have one."""

    text: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Writer:
    layers: BothLayers
    conversations: Sequence[Conversation]

    def allowance(self) -> Allowance:
        first = self.conversations[0]
        source, destination, port = first.source, first.destination, first.port
        if port is None or port.protocol is Protocol.SCTP:
            return Allowance("", ("traffic.yaml cannot allow it: it declares only TCP and UDP ports",))
        for front in self.layers.environment.fronts:
            if source.name == clients_of(front):
                return Allowance("", tuple(self._clients(destination, port, front)))
        if not any(self._is_inside(end) for end in (source, destination)):
            return Allowance("", ("Both ends are outside the namespace: a flow needs a service at one end",))
        caller, called = self._caller(source), self._called(destination, port)
        before = (*caller.before, *called.before)
        if not caller.text or not called.text:
            return Allowance("", before)
        return Allowance(f"- {_flow({'from': caller.text, 'to': called.text, 'ports': [_port(port)]})}", before)

    def _is_inside(self, end: Endpoint) -> bool:
        return end.workload is not None and end.workload.namespace in self.layers.matrix.namespaces

    def _clients(self, destination: Endpoint, port: PortRange, front: str) -> Iterator[str]:
        if destination.name == front:
            key = "loadBalancer" if len(self.layers.environment.load_balancers) == 1 else f"loadBalancers.{front}"
            yield f"Add {_flow(_port(port))} to {key}.listeners in {self._settings}: clients connect to these"
        else:
            yield f"Clients may only reach {front}: declare these addresses as a separate external"

    def _caller(self, source: Endpoint) -> _DeclaredName:
        addresses = sorted({address for each in self.conversations for address in each.sources})
        pods = [pod for each in self.conversations for pod in each.callers]
        return self._named(source, {}, addresses, pods)

    def _called(self, destination: Endpoint, port: PortRange) -> _DeclaredName:
        addresses = sorted({address for each in self.conversations for address in each.destinations})
        pods = [pod for each in self.conversations for pod in each.called]
        endpoint = self.layers.matrix.endpoints.get(destination.name)
        if endpoint is None and any(destination.name == each.value and port in each.ports for each in BuiltIn):
            return _DeclaredName(destination.name)
        if endpoint and not any(known.covers(port) for known in endpoint.ports):
            kind = "services" if isinstance(endpoint, Service) else "externals"
            opens = self._opened_too(destination.name) if endpoint.ports else ""
            return _DeclaredName(endpoint.name, (f"Add {_flow(_port(port))} to {kind}.{endpoint.name}.ports{opens}",))
        return self._named(destination, {"ports": [_port(port)]}, addresses, pods)

    def _opened_too(self, target: str) -> str:
        flows = [flow.source for flow in self.layers.matrix.flows_into[target]]
        return (
            f"; this also opens it for every flow to {target} without ports (from {', '.join(flows)})" if flows else ""
        )

    def _named(
        self, endpoint: Endpoint, entry: _DeclaredEntry, addresses: Sequence[str], pods: Sequence[PodIdentity]
    ) -> _DeclaredName:
        """Return the name of an end, and what to declare so that it has one."""
        if endpoint.role in {Role.SERVICE, Role.EXTERNAL}:
            return _DeclaredName(endpoint.name)
        if endpoint.name == KUBELET:
            return _DeclaredName(
                "", ("A flow cannot start or end at a kubelet: kubelets probe the declared ports of a service",)
            )
        if self._is_inside(endpoint):
            return _DeclaredName("", (self._service_first(endpoint, pods),))
        if endpoint.workload:
            return self._pods_elsewhere(endpoint, entry, pods)
        return self._host(endpoint, entry, addresses)

    def _service_first(self, endpoint: Endpoint, pods: Sequence[PodIdentity]) -> str:
        within = endpoint.workload.namespace if endpoint.workload else ""
        there = f" with namespace: {within}" if within != self.layers.matrix.namespace else ""
        own = f" (it has {label_text(pods[0].labels)})" if pods and pods[0].labels else ""
        by = f"by its labels{own}{there}"
        return f"Declare the pod under services {by}, or give it the labels of the service it belongs to"

    def _pods_elsewhere(self, endpoint: Endpoint, entry: _DeclaredEntry, pods: Sequence[PodIdentity]) -> _DeclaredName:
        known = endpoint.workload if endpoint.role is Role.IMPLIED else None
        if known:
            namespace, labels = known.namespace, tuple(known.labels.items())
        elif pods:
            namespace, labels = pods[0].namespace, pods[0].labels
        else:
            return _DeclaredName(
                "", ("Find out which pod it is, and declare it under externals by namespace and labels",)
            )
        chosen = application_labels(labels)
        if not chosen:
            remedy = f"Give the pod a label that no other pod of {namespace} has, and declare it under externals"
            return _DeclaredName("", (remedy,))
        name = free_name(chosen[0][1], self.layers.matrix.endpoints)
        where = {"namespace": namespace, "pods": dict(chosen), **entry}
        return _DeclaredName(name, (f"Add to externals of traffic.yaml: {_pair(name, where)}",))

    def _host(self, endpoint: Endpoint, entry: _DeclaredEntry, addresses: Sequence[str]) -> _DeclaredName:
        if not addresses:
            return _DeclaredName(
                "", (f"Find out which address of {endpoint.name} it is, and declare it under externals",)
            )
        names = sorted({each for one in self.conversations for each in one.names if can_be_declared((each,))})
        if names and "ports" in entry and domains_kind(self.layers.environment.cluster):
            return self._domains(names, entry, addresses)
        name = free_name(f"host-{addresses[0]}", self.layers.matrix.endpoints)
        networks = [str(ip_network(ip_address(each))) for each in addresses]
        return _DeclaredName(
            name,
            (
                f"Add to externals of traffic.yaml: {_pair(name, entry)}",
                f"Add to places of {self._settings}: {_pair(name, {'cidrs': networks})}",
            ),
        )

    def _domains(self, names: Sequence[str], entry: _DeclaredEntry, addresses: Sequence[str]) -> _DeclaredName:
        """Return a name for what the log knows by its domain names. They may share the addresses with others."""
        name = free_name(names[0], self.layers.matrix.endpoints)
        declared = f"Add to externals of traffic.yaml: {_pair(name, {'domains': list(names), **entry})}"
        keep = f"Keep only the names that the pods need: they asked DNS for all of them, and got {', '.join(addresses)}"
        return _DeclaredName(name, (declared,) if len(names) == 1 else (declared, keep))

    @property
    def _settings(self) -> str:
        return stack_file(self.layers.environment.name)


def _port(port: PortRange) -> int | dict[str, Any]:
    return port.first if port.protocol is Protocol.TCP else {"port": port.first, "protocol": port.protocol.value}


def _flow(value: object) -> str:
    """Return a value as YAML on one line, quoted where necessary."""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=_ONE_LINE, allow_unicode=True)
    return written.removesuffix("...\n").strip()


def _pair(name: str, entry: _DeclaredEntry) -> str:
    """Return a name and its entry as a line under a key of the file."""
    return _flow({name: entry})[1:-1]
