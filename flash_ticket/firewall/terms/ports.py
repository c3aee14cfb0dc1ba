"""Ports of a transport protocol, as the matrix, both firewalls and the records speak of them."""

from dataclasses import dataclass
from enum import StrEnum

MAX_PORT = 65535


class Protocol(StrEnum):
    """A transport protocol that a NetworkPolicy can name (networking.k8s.io/v1 NetworkPolicyPort)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """The ports ``first`` to ``last`` of one protocol, both ends included, 1 to 65535."""

    protocol: Protocol
    first: int
    last: int

    def __str__(self) -> str:
        """Return ``TCP 4000`` or ``UDP 8000-8010``."""
        return f"{self.protocol} {self.numbers}"

    @property
    def numbers(self) -> str:
        """The port numbers alone: ``4000`` or ``8000-8010``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def covers(self, other: "PortRange") -> bool:
        """Tell whether every port of the other range is in this one."""
        return self.protocol == other.protocol and self.first <= other.first and other.last <= self.last


def tcp(port: int) -> PortRange:
    """Return one TCP port as a range."""
    return PortRange(Protocol.TCP, port, port)


def udp(port: int) -> PortRange:
    """Return one UDP port as a range."""
    return PortRange(Protocol.UDP, port, port)


DNS_PORTS = (tcp(53), udp(53))
"""DNS answers over UDP, and over TCP what is too long for it (RFC 7766)."""


def listing(ports: tuple[PortRange, ...]) -> str:
    """Return ranges as people read them: ``TCP 3306,5432``, protocols in order, joined by ``, ``."""
    by_protocol: dict[Protocol, list[str]] = {}
    for port in sorted(ports):
        by_protocol.setdefault(port.protocol, []).append(port.numbers)
    return ", ".join(f"{protocol} {','.join(numbers)}" for protocol, numbers in by_protocol.items())
