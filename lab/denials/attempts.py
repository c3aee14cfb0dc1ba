"""Connections between the ends of the running shop, declared and undeclared, and the result of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.matrix import Service
from flash_ticket.firewall.terms.ports import PortRange, tcp, udp
from lab.node.network import pod_namespaces
from lab.node.programs import NodeError
from lab.packets.connections import Answer, Attempt, attempt_all
from lab.shop.shop import Shop

_NAMES = Path("/run/netns")
_UNUSED = (tcp(9), udp(9))
_SECONDS = 2.2  # a lost SYN is sent again after one


@dataclass(frozen=True, slots=True)
class End:
    """A pod or a host of the shop.

    Attributes:
        name: The name in the matrix, of the pod's ``app`` label otherwise, or of the host.
        address: Its own address.
        cluster_ip: The address of the Service in front of it; empty without one.
        namespace: Its network namespace.
        is_pod: Whether a policy can judge it.
    """

    name: str
    address: str
    cluster_ip: str
    namespace: Path
    is_pod: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One connection to try.

    Attributes:
        called: The address that is called: the destination's own, or that of its Service.
        is_declared: Whether the matrix has a flow for it.
    """

    source: End
    destination: End
    port: PortRange
    called: str
    is_declared: bool

    def row(self, answer: Answer) -> dict[str, Any]:
        """Return it with its answer, for JSON."""
        return {
            "src": self.source.name,
            "dst": self.destination.name,
            "from": self.source.address,
            "to": self.destination.address,
            "called": self.called,
            "protocol": self.port.protocol.value,
            "port": self.port.first,
            "declared": self.is_declared,
            "answer": answer.value,
        }


def calls(shop: Shop) -> list[Call]:
    """Return every connection from or to a pod of the shop: on the ports that its destination has, and on unused ones.

    Raises:
        NodeError: A pod has no network namespace.
    """
    ends = list(_ends(shop))
    return [
        call
        for source in ends
        for destination in ends
        if source is not destination and (source.is_pod or destination.is_pod)
        for call in _between(shop, source, destination)
    ]


def tried(some: Sequence[Call], seconds: float = _SECONDS) -> list[Answer]:
    """Try connections, all at once, and return the result of each; one without an answer in time is silent."""
    return attempt_all([Attempt(each.source.namespace, each.called, each.port) for each in some], seconds)


def denials(stopped: Iterable[Call]) -> int:
    """Return how many denials a listing has for connections that are stopped: one for each pair of ends and port."""
    return len({(call.source.name, call.destination.name, call.port) for call in stopped})


def _between(shop: Shop, source: End, destination: End) -> Iterator[Call]:
    flows = [flow for flow in shop.matrix.flows if (flow.source, flow.target) == (source.name, destination.name)]
    declared = {port for flow in flows for port in flow.ports}
    known = shop.matrix.endpoints.get(destination.name)
    served = known.ports if known else ()
    unused = _UNUSED if isinstance(known, Service) else ()
    for port in (*served, *unused):
        yield Call(source, destination, port, destination.address, port in declared)
    if destination.cluster_ip and source.is_pod:
        for port in served:
            yield Call(source, destination, port, destination.cluster_ip, port in declared)


def _ends(shop: Shop) -> Iterator[End]:
    names = {dict(service.pods)["app"]: service.name for service in shop.matrix.services}
    services = {
        each["metadata"]["name"]: each["spec"]["clusterIP"]
        for each in shop.node.api.items(f"/api/v1/namespaces/{shop.matrix.namespace}/services")
    }
    namespaces = pod_namespaces()
    for pod in _pods(shop):
        app, address = pod["metadata"]["labels"]["app"], pod["status"]["podIP"]
        if address not in namespaces:
            raise NodeError(f"no network namespace is found for the pod {pod['metadata']['name']}")
        yield End(names.get(app, app), address, services.get(app, ""), namespaces[address], is_pod=app in names)
    for name, address in shop.hosts.items():
        yield End(name, address, "", _NAMES / name, is_pod=False)


def _pods(shop: Shop) -> Iterable[dict[str, Any]]:
    running = (each for each in shop.node.api.items("/api/v1/pods") if each["status"].get("podIP"))
    return (each for each in running if "app" in each["metadata"].get("labels", {}))
