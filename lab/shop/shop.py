"""The shop as it runs: a Deployment and a Service for each service of the matrix, and hosts for what is outside.

The hosts stand for the load balancer, the databases and another machine of the VPC. They are network namespaces behind
the node. Each listens on the ports that the matrix declares for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import Any

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.ports import PortRange
from lab.node.api import Object
from lab.node.network import add_host, pod_namespaces
from lab.node.node import Node
from lab.node.pods import delete_pods_without_node, pod_spec
from lab.packets.connections import Listeners

OTHER_HOST = "other-host"
STRANGER = "stranger"
_STRANGERS_NAMESPACE = "argocd"
# The last two octets of each host's address: the load balancer in a public subnet, the databases in the data subnets.
_HOSTS = {"alb": "0.8", "redis": "20.15", "rabbitmq": "20.25", "database": "21.35", OTHER_HOST: "11.77"}
_SERVE = 'mkdir /www && echo "$0 answers" > /www/index.html && exec httpd -f -p "$1" -h /www'


class Serving(Enum):
    """Who answers on the ports of the shop's pods."""

    CONTAINERS = "the containers, with a page"
    LISTENERS = "listeners in the pods' networks, which answer thousands of connections a second"


@dataclass(slots=True)
class Shop:
    """The shop of one environment.

    Attributes:
        node: The node that it runs on; it has been started.
        matrix: Its services and externals.
        network: The first two octets of the VPC.
        serving: Who answers on the ports of its pods.
        hosts: The address of each host, by its name.
    """

    node: Node
    matrix: Matrix
    network: str
    serving: Serving = Serving.CONTAINERS
    hosts: dict[str, str] = field(default_factory=dict)
    _listeners: Listeners = field(default_factory=Listeners)

    def open(self) -> None:
        """Start everything, and return when every pod is ready.

        Raises:
            NodeError: A pod does not become ready.
        """
        delete_pods_without_node(self.node.api)
        deployments = [*self._deployments(), _deployment(STRANGER, _STRANGERS_NAMESPACE, {"app": STRANGER}, ())]
        for manifest in (*deployments, *self._services()):
            self.node.api.apply(manifest)
        for name, last in _HOSTS.items():
            self._add_host(name, f"{self.network}.{last}")
        self.node.wait_until_available(
            [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in deployments]
        )
        if self.serving is Serving.LISTENERS:
            self._listen_in_pods()

    def pods(self) -> list[Object]:
        """Return the shop's own pods as they are now."""
        return self.node.api.items(f"/api/v1/namespaces/{self.matrix.namespace}/pods")

    def _deployments(self) -> Iterator[dict[str, Any]]:
        for service in self.matrix.services:
            labels = dict(service.pods)
            served = service.ports if self.serving is Serving.CONTAINERS else ()
            yield _deployment(labels["app"], self.matrix.namespace, labels, served)

    def _services(self) -> Iterator[dict[str, Any]]:
        for service in self.matrix.services:
            labels = dict(service.pods)
            ports = [{"name": f"tcp-{each.first}", "port": each.first} for each in service.ports]
            yield {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": labels["app"], "namespace": self.matrix.namespace},
                "spec": {"selector": labels, "ports": ports},
            }

    def _listen_in_pods(self) -> None:
        ports = {dict(service.pods)["app"]: service.ports for service in self.matrix.services}
        namespaces = pod_namespaces()
        for pod in self.pods():
            address = pod["status"]["podIP"]
            self._listeners.listen(namespaces[address], address, ports[pod["metadata"]["labels"]["app"]])

    def _add_host(self, name: str, address: str) -> None:
        namespace = add_host(name, IPv4Address(address))
        self.hosts[name] = address
        ports = self.matrix.endpoints[name].ports if name in self.matrix.endpoints else ()
        self._listeners.listen(namespace, address, ports)


def _deployment(name: str, namespace: str, labels: dict[str, str], ports: Iterable[PortRange]) -> dict[str, Any]:
    container: dict[str, Any] = {}
    served = [port.first for port in ports]
    if served:
        container["command"] = ["sh", "-c", _SERVE, name, str(served[0])]
        container["ports"] = [{"containerPort": port} for port in served]
        container["readinessProbe"] = {"tcpSocket": {"port": served[0]}, "periodSeconds": 1}
    else:
        container["command"] = ["sleep", "2147483647"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(**container)},
        },
    }
