"""The shop's Deployments and Services, and its pods as they come and go."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.matrix import Matrix, Service
from lab.node.api import Watched
from lab.node.network import pod_namespaces
from lab.node.node import Node
from lab.node.pods import pod_spec
from lab.node.programs import NodeError
from lab.on_the_way.moments.stage import SLEEPS, Pod, SandboxError
from lab.packets.connections import Listeners

ENDING_SECONDS = 3
"""How long a pod goes on after it was asked to end: its program does not listen to that."""

_WAIT_SECONDS, _LOOK_SECONDS = 60.0, 0.005
_TAKEN, _ADDRESSES = 40, 120  # how many addresses pods take behind one firewall at most; how many they can have


@dataclass(frozen=True, slots=True)
class Replica:
    """A pod of a service.

    Attributes:
        service: Its name in the matrix.
        pod: The pod.
    """

    service: str
    pod: Pod


@dataclass(slots=True)
class Replicas:
    """The pods of all services.

    Attributes:
        node: Where they run.
        matrix: Whose services they are.
        addresses: The ClusterIP of each service that listens.
        running: The pods, by their addresses.
    """

    node: Node
    matrix: Matrix
    addresses: dict[str, str] = field(default_factory=dict)
    running: dict[str, Replica] = field(default_factory=dict)
    _known: set[Path] = field(default_factory=set)
    _last: int = 0
    _listeners: Listeners = field(default_factory=Listeners)
    _watched: Watched | None = None
    _ready: dict[str, float] = field(default_factory=dict)

    def open(self) -> None:
        """Make Deployments and Services; no pod runs then."""
        self._known = set(pod_namespaces().values())
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.matrix.namespace}})
        for service in self.matrix.services:
            self._apply(_deployment(service, self.matrix.namespace))
            if service.ports:
                made = self._apply(_service(service, self.matrix.namespace))
                self.addresses[service.name] = made["spec"]["clusterIP"]
        path = f"/api/v1/namespaces/{self.matrix.namespace}/pods"
        self._watched = Watched(self.node.api, path, self._see)
        self._watched.start()

    def begin_addresses(self) -> None:
        """Have the next pods get addresses one after the other, from one on that no pod has; call it while none runs.

        Else the node gives those of pods that are gone again, once many are gone, in an order that nobody knows.
        """
        first = int(self.node.addresses.first_pod)
        begin = max([first - 1, *(int(IPv4Address(each)) for each in pod_namespaces())])
        self._last = max(begin, self._last) if self._last + _TAKEN < first + _ADDRESSES else begin
        self.node.aws.replace_ipamd(self.node.mode, IPv4Address(self._last + 1))

    def next_addresses(self, count: int) -> list[str]:
        """Return the addresses that the next pods should get.

        One may get a later address: that of a sandbox that fails is spent.
        """
        return [str(IPv4Address(self._last + number)) for number in range(1, count + 1)]

    def scale(self, service: str, count: int) -> None:
        """Have a service's Deployment keep so many pods."""
        path = f"/apis/apps/v1/namespaces/{self.matrix.namespace}/deployments/{self._app(service)}/scale"
        self.node.api.request("PATCH", path, {"spec": {"replicas": count}}, "application/merge-patch+json")

    def of(self, service: str) -> list[Replica]:
        """Return the running pods of a service, the oldest first."""
        return [each for each in self.running.values() if each.service == service]

    def started(self, service: str, count: int = 1) -> list[Replica]:
        """Return new pods of a service as soon as their network is there.

        Raises:
            NodeError: They do not come, or other pods do.
        """
        end, found = time.monotonic() + _WAIT_SECONDS, list[Replica]()
        while len(found) < count:
            for address, network in pod_namespaces().items():
                if network not in self._known:
                    self._known.add(network)
                    self._last = max(self._last, int(IPv4Address(address)))
                    found.append(Replica(service, Pod(f"{service} at {address}", network, address, time.monotonic())))
                    self.running[address] = found[-1]
                    self._ready.pop(address, None)  # of an earlier pod with this address
            if time.monotonic() > end:
                raise NodeError(f"a pod of {service} gets no network")
            time.sleep(_LOOK_SECONDS)
        return found

    def serve(self, replica: Replica) -> float | None:
        """Have a pod answer on the ports of its service as soon as its container runs, and return when that was.

        Returns:
            On the monotonic clock. None if this sandbox failed: then the pod is another replica, with another network.
        """
        try:
            begun = replica.pod.started()
        except SandboxError:
            del self.running[replica.pod.address]
            return None
        ports = next(each.ports for each in self.matrix.services if each.name == replica.service)
        self._listeners.listen(replica.pod.network, "0.0.0.0", ports)  # noqa: S104 - a pod's namespace
        return begun

    def delete(self, replica: Replica) -> None:
        """Delete a pod, which gets the time that pods get to end."""
        for pod in self._pods():
            if pod.get("status", {}).get("podIP") == replica.pod.address:
                path = f"/api/v1/namespaces/{self.matrix.namespace}/pods/{pod['metadata']['name']}"
                self.node.api.request("DELETE", path)

    def end_all(self) -> None:
        """End all pods at once, and return when their networks are gone."""
        for service in self.matrix.services:
            self.scale(service.name, 0)
        end = time.monotonic() + _WAIT_SECONDS
        # A pod that is deleted before its ReplicaSet wants none would be started again.
        while not all(map(_is_ending, self._pods())) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        for pod in self._pods():
            self.node.api.delete({"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]})
        self.wait_gone(self.running.values())

    def ending(self) -> list[Replica]:
        """Return the running pods that were asked to end."""
        ending = {pod["status"].get("podIP") for pod in self._pods() if _is_ending(pod)}
        return [each for address, each in self.running.items() if address in ending]

    def wait_gone(self, replicas: Iterable[Replica]) -> None:
        """Return when the networks of pods are gone; they are not running any more."""
        wanted, end = {each.pod.address for each in replicas}, time.monotonic() + _WAIT_SECONDS
        while wanted & pod_namespaces().keys() and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        for address in wanted:
            self._listeners.close(self.running.pop(address).pod.network)

    def ready(self, replica: Replica) -> float:
        """Return when the cluster took a pod for ready; wait for it.

        Raises:
            NodeError: It does not become ready.
        """
        end = time.monotonic() + _WAIT_SECONDS
        while replica.pod.address not in self._ready:
            if time.monotonic() > end:
                raise NodeError(f"{replica.pod.name} is not ready")
            time.sleep(_LOOK_SECONDS)
        return self._ready[replica.pod.address]

    def close(self) -> None:
        """Remove everything."""
        self.end_all()
        for service in self.matrix.services:
            self.node.api.delete(_deployment(service, self.matrix.namespace))
            self.node.api.delete(_service(service, self.matrix.namespace))

    def _see(self) -> None:
        for pod in self._pods():
            status = pod.get("status") or {}
            is_ready = any(
                (each["type"], each["status"]) == ("Ready", "True") for each in status.get("conditions") or ()
            )
            if is_ready and status.get("podIP"):
                self._ready.setdefault(status["podIP"], time.monotonic())

    def _pods(self) -> list[dict[str, Any]]:
        return self._watched.objects() if self._watched else []

    def _apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return self.node.api.apply(manifest)

    def _app(self, service: str) -> str:
        return next(_name(each) for each in self.matrix.services if each.name == service)


def _is_ending(pod: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _name(service: Service) -> str:
    return dict(service.pods)["app"]


def _deployment(service: Service, namespace: str) -> dict[str, Any]:
    container: dict[str, Any] = {"command": ["/bin/busybox", "sleep", SLEEPS.decode()]}
    if service.ports:
        container["readinessProbe"] = {"tcpSocket": {"port": service.ports[0].first}, "periodSeconds": 1}
    spec = {**pod_spec(**container), "terminationGracePeriodSeconds": ENDING_SECONDS}
    labels = dict(service.pods)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _name(service), "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _service(service: Service, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _name(service), "namespace": namespace},
        "spec": {"selector": dict(service.pods), "ports": list(_ports(service))},
    }


def _ports(service: Service) -> Iterator[dict[str, Any]]:
    for each in service.ports:
        yield {"name": f"tcp-{each.first}", "port": each.first}
