"""Network namespaces: those of pods, and hosts behind the node that stand for what is outside the cluster."""

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from lab.node.programs import NodeError

NODE_NAMESPACE = Path("/proc/1/ns/net")
"""The node's own network."""

_CLONE_NEWNET = 0x40000000
_NAMES = Path("/run/netns")  # where containerd puts those of pods, and ip those that it makes
_GATEWAY = "169.254.1.1"
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing binds to it
_NOWHERE = ("192.0.2.1", 9)


@contextmanager
def entered(namespace: Path) -> Iterator[None]:
    """Let this thread open its sockets in a network namespace; they stay there after the block."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(namespace, os.O_RDONLY)
    try:
        _enter(other)
        try:
            yield
        finally:
            _enter(own)
    finally:
        os.close(other)
        os.close(own)


def add_host(name: str, address: IPv4Address) -> Path:
    """Make a host of one address behind the node, and return its network namespace."""
    inside, outside = f"{name}-in"[-15:], f"{name}-out"[-15:]
    for command in (
        f"ip netns add {name}",
        f"ip link add {outside} type veth peer name {inside} netns {name}",
        f"ip -n {name} link set lo up",
        f"ip -n {name} address add {address}/32 dev {inside}",
        f"ip -n {name} link set {inside} up",
        f"ip -n {name} route add {_GATEWAY} dev {inside} scope link",
        f"ip -n {name} route add default via {_GATEWAY} dev {inside}",
        f"ip link set {outside} up",
        f"ip route add {address}/32 dev {outside}",
    ):
        result = subprocess.run(command.split(), capture_output=True, text=True, check=False)  # noqa: S603 - as above
        if result.returncode != 0:
            raise NodeError(f"{command}: {result.stderr.strip()}")
    return _NAMES / name


def pod_namespaces() -> dict[str, Path]:
    """Return the network namespace of each running pod that has an address, by that address."""
    found = {}
    for path in _NAMES.glob("cni-*"):
        with contextlib.suppress(OSError), entered(path), socket.socket(type=socket.SOCK_DGRAM) as unsent:
            unsent.connect(_NOWHERE)
            address = str(unsent.getsockname()[0])
            if address != _NO_ADDRESS:  # a route may be there before the address, or after it
                found[address] = path
    return found


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
