"""A router and hosts behind it, each in a network namespace of its own, for packets that a test sends."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from lab.node.network import entered

_GATEWAY, _SIXTH_GATEWAY = "169.254.1.1", "fe80::1"
_SECONDS = 5.0
_PROGRAMS = ("ip", "nft", "unshare", "conntrack", "sysctl")


def lacking() -> str:
    """Return what this machine lacks for such a network; empty if it lacks nothing."""
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"packets need {', '.join(absent)}"
    tried = subprocess.run(["unshare", "--net", "nft", "list", "tables"], capture_output=True, check=False)  # noqa: S607 - the system's
    return "" if tried.returncode == 0 else "packets need root, network namespaces and nftables"


@dataclass(slots=True)
class Network:
    """A router that forwards, and its hosts by name.

    Attributes:
        router: Its network namespace.
        hosts: Those of the hosts.
        addresses: The addresses of each host.
    """

    router: Path
    _stack: ExitStack
    hosts: dict[str, Path] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, name: str, *addresses: str) -> None:
        """Make a host behind the router."""
        process = self._stack.enter_context(_namespace())
        inside, outside = f"/proc/{process}/ns/net", f"out{len(self.hosts)}"
        with entered(self.router):
            _ip(f"link add {outside} type veth peer name eth0 netns {process}")
            _ip(f"link set {outside} up")
            _ip(f"address add {_SIXTH_GATEWAY}/64 dev {outside} nodad")
            for address in addresses:
                _ip(f"route add {address} dev {outside}")
        with entered(Path(inside)):
            _ip("link set lo up")
            _ip("link set eth0 up")
            for address in addresses:
                _ip(f"address add {address} dev eth0" + (" nodad" if ip_address(address).version == 6 else ""))
            _ip(f"route add {_GATEWAY} dev eth0 scope link")
            _ip(f"route add default via {_GATEWAY} dev eth0")
            _ip(f"route add default via {_SIXTH_GATEWAY} dev eth0")
        self.hosts[name] = Path(inside)
        self.addresses[name] = addresses

    def own(self, name: str, *addresses: str) -> None:
        """Give the router itself addresses, as a host of a name."""
        with entered(self.router):
            for address in addresses:
                _ip(f"address add {address} dev lo" + (" nodad" if ip_address(address).version == 6 else ""))
        self.hosts[name] = self.router
        self.addresses[name] = addresses

    def address(self, name: str, family: int = 4) -> str:
        """Return the first address of a host in a family."""
        return next(each for each in self.addresses[name] if ip_address(each).version == family)

    def socket(self, name: str, kind: socket.SocketKind, family: int = 4, port: int = 0) -> socket.socket:
        """Return a socket of a host, or of the router, at its first address of a family."""
        address = self.address(name, family)
        with entered(self.hosts[name]):
            made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.settimeout(_SECONDS)
        made.bind((address, port))
        return made


@contextmanager
def network() -> Iterator[Network]:
    """Make a router for the length of a ``with`` block."""
    with ExitStack() as stack:
        router = Path(f"/proc/{stack.enter_context(_namespace())}/ns/net")
        with entered(router):
            _ip("link set lo up")
            _ip(f"address add {_GATEWAY} dev lo")
            for each in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
                subprocess.run(["sysctl", "-q", "-w", each], check=True)  # noqa: S603, S607 - the line above
        yield Network(router, stack)


@contextmanager
def _namespace() -> Iterator[int]:
    """Yield a process that keeps a network namespace."""
    command = ["unshare", "--net", "sh", "-c", "echo; exec sleep 2147483647"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - the line above
        try:
            assert process.stdout
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def _ip(command: str) -> None:
    result = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the lines above
    assert result.returncode == 0, f"ip {command}: {result.stderr}"
