"""A node alone, with pods and policies that come and go for one measurement."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flash_ticket.firewall.terms.ports import PortRange, tcp, udp
from lab.node.network import entered, pod_namespaces
from lab.node.node import Node
from lab.node.pods import pod_spec
from lab.node.programs import NodeError
from lab.on_the_way.probe import Probe
from lab.packets.connections import Attempt, Listeners

NAMESPACE = "moments"
OPEN_PORT, CLOSED_PORT = tcp(4000), tcp(4001)
DATAGRAMS = udp(4000)

_NAMES = Path("/run/netns")
_NOWHERE = ("192.0.2.1", 9)
SLEEPS = b"2147483646"
_WAIT_SECONDS, _LOOK_SECONDS = 60.0, 0.001
_STARTED_FIELD = 19  # of /proc/PID/stat, counted after the name


class SandboxError(NodeError):
    """A pod's network is gone before its container starts: kubelet makes another sandbox, with another network."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod whose network is there; its container may not have started.

    Attributes:
        name: In the namespace of the measurements.
        network: Its network namespace.
        address: Its address.
        seen: When the network was there, on the monotonic clock.
    """

    name: str
    network: Path
    address: str
    seen: float

    def to(self, other: "Pod", port: PortRange = OPEN_PORT) -> Attempt:
        """Return a connection to another pod."""
        return Attempt(self.network, other.address, port)

    def started(self) -> float:
        """Return when its container started, on the monotonic clock, to 10 ms; wait for it.

        Raises:
            SandboxError: Its network is gone.
            NodeError: It does not start.
        """
        end = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < end:
            try:
                wanted = self.network.stat().st_ino  # asked each time: another network may get this number
            except FileNotFoundError as error:
                raise SandboxError(f"the network of {self.name} is gone") from error
            for entry in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if SLEEPS in (entry / "cmdline").read_bytes() and (entry / "ns/net").stat().st_ino == wanted:
                        after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                        return int(after_name[_STARTED_FIELD]) / os.sysconf("SC_CLK_TCK")
            time.sleep(_LOOK_SECONDS)
        raise NodeError(f"the container of {self.name} does not start")


@dataclass(slots=True)
class Stage:
    """Where measurements happen.

    Attributes:
        node: Which runs.
        probe: Tries connections.
    """

    node: Node
    probe: Probe
    _listeners: Listeners = field(default_factory=Listeners)
    _count: int = 0

    def open(self) -> None:
        """Make the namespace."""
        self.node.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})

    def pod(self, role: str, owner: str = "") -> Pod:
        """Make a pod, and return it as soon as its network is there. It listens from then on.

        Args:
            role: How policies select it.
            owner: Pods of one owner share what the agent knows; if empty, it is the only one of its owner.
        """
        self._count += 1
        name = f"{owner or f'{role}{self._count}'}-{self._count}"
        known = set(_NAMES.glob("cni-*"))
        self.node.api.apply(_manifest(name, role))
        network, address = _new_network(known)
        pod = Pod(name, network, address, time.monotonic())
        self._listeners.listen(network, "0.0.0.0", (OPEN_PORT, CLOSED_PORT, DATAGRAMS))  # noqa: S104 - a pod's namespace
        return pod

    def ask(self, role: str) -> dict[str, Any]:
        """Ask for a pod, and return its manifest; it may get no network."""
        self._count += 1
        manifest = _manifest(f"{role}{self._count}-{self._count}", role)
        self.node.api.apply(manifest)
        return manifest

    def has_network(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether a pod that was asked for has an address."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{manifest['metadata']['name']}"
        return bool(self.node.api.request("GET", path)["status"].get("podIP"))

    def wait(self, *pods: Pod) -> None:
        """Return when pods are ready: the cluster knows their addresses, and policies can mean them.

        Raises:
            NodeError: One does not become ready.
        """
        self.node.wait_until_ready({pod.name: (NAMESPACE, pod.name) for pod in pods})

    def remove(self, *pods: Pod) -> None:
        """Delete pods, and return when their networks are gone."""
        for pod in pods:
            self._listeners.close(pod.network)
            self.node.api.delete(_manifest(pod.name, ""))
        end = time.monotonic() + _WAIT_SECONDS
        while {pod.address for pod in pods} & pod_namespaces().keys() and time.monotonic() < end:
            time.sleep(0.1)

    def put(self, name: str, role: str, **rules: list[dict[str, Any]]) -> float:
        """Make or change a policy for the pods of a role, and return when the API server has answered.

        Args:
            name: Of the policy.
            role: Of the pods.
            rules: ``ingress`` or ``egress`` or both; a direction without rules is closed.
        """
        self.node.api.apply(_policy(name, role, rules))
        return time.monotonic()

    def drop(self, *names: str) -> float:
        """Delete policies, and return when the API server has answered."""
        for name in names:
            self.node.api.delete(_policy(name, "", {}))
        return time.monotonic()

    @contextlib.contextmanager
    def tried(self, *attempts: Attempt, interval: float = 0.005) -> Iterator[list[int]]:
        """Try connections for the length of a ``with`` block, and give the numbers of their flows."""
        numbers = self.probe.add(attempts, interval)
        try:
            yield numbers
        finally:
            self.probe.remove(numbers)


def _new_network(known: set[Path]) -> tuple[Path, str]:
    """Wait for a pod's network namespace that was not there, and return it as soon as it has an address."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        for path in set(_NAMES.glob("cni-*")) - known:
            with contextlib.suppress(OSError), entered(path), socket.socket(type=socket.SOCK_DGRAM) as unsent:
                unsent.connect(_NOWHERE)
                return path, str(unsent.getsockname()[0])
        time.sleep(_LOOK_SECONDS)
    raise NodeError("a pod has no network")


def _manifest(name: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"role": role}},
        "spec": pod_spec(command=["/bin/busybox", "sleep", SLEEPS.decode()]),
    }


def _policy(name: str, role: str, rules: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"role": role}},
            "policyTypes": [direction.capitalize() for direction in rules],
            **rules,
        },
    }
