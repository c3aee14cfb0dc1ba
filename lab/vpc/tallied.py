"""The sets in which nftables counts packets: their names, their layout, and what their elements mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from ipaddress import ip_address
from itertools import product
from struct import Struct
from typing import NamedTuple

from lab.vpc.account import Address
from lab.vpc.counted import Action, Direction


class SourceAddress(Enum):
    """With which address a pod's packets pass the interface."""

    OWN = "own"
    """With its own."""

    TRANSLATED = "translated"
    """With the node's instead of the pod's: the node translates it on the way to the interface."""


class Ports(Enum):
    """What a set knows of its packets, besides their addresses."""

    TCP = "tcp"
    UDP = "udp"
    OTHER = "other"


_KEYS = {
    Ports.TCP: ("inet_service . inet_service . tcp_flag", "tcp sport . tcp dport . tcp flags"),
    Ports.UDP: ("inet_service . inet_service", "udp sport . udp dport"),
    Ports.OTHER: ("inet_proto", "meta l4proto"),
}
_PROTOCOLS = {Ports.TCP: 6, Ports.UDP: 17}
_FAMILIES = {4: ("ip", "ipv4_addr", 4), 6: ("ip6", "ipv6_addr", 16)}
_PORTS = Struct("!H2xH2x")  # each part of a key begins at a multiple of four bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may become of a packet at an interface.

    Attributes:
        direction: Which way it passes.
        action: What the groups say.
        address: With which address it passes.
    """

    direction: Direction
    action: Action
    address: SourceAddress

    def chain(self, generation: int) -> str:
        """Return the name of the chain that counts it, which is also that of its counter."""
        return f"{self._name()}_{generation}"

    def sets(self, generation: int) -> Iterator["CountingSet"]:
        """Yield the sets that count it."""
        families = _FAMILIES if self.address is SourceAddress.OWN else (4,)
        for family, ports in product(families, Ports):
            name = f"{self._name()}_{ports.value}{family}_{generation}"
            yield CountingSet(name, family, ports)

    def _name(self) -> str:
        return f"{self.direction.value}_{self.action.value.lower()}_{self.address.value}"


VERDICTS = tuple(Verdict(*each) for each in product(Direction, Action, SourceAddress))


class Kind(NamedTuple):
    """What the packets of an element have in common."""

    source: Address
    target: Address
    protocol: int
    source_port: int
    target_port: int
    tcp_flags: int


@dataclass(frozen=True, slots=True)
class CountingSet:
    """A set that counts the packets of one verdict, one family, and one sort of protocol.

    Attributes:
        name: The set's name.
        family: 4 or 6.
        ports: What it knows of them.
    """

    name: str
    family: int
    ports: Ports

    def declaration(self, room: int) -> str:
        """Return the set for nft, with room for so many elements."""
        address = _FAMILIES[self.family][1]
        kind = f"{address} . {address} . {_KEYS[self.ports][0]}"
        return f"set {self.name} {{ type {kind}; flags dynamic; size {room}; counter; }}"

    def statement(self) -> str:
        """Return the rule that counts a packet, if it is for this set."""
        header = _FAMILIES[self.family][0]
        others = (
            "" if self.ports is not Ports.OTHER else f"meta nfproto ipv{self.family} meta l4proto != {{ tcp, udp }} "
        )
        return f"{others}update @{self.name} {{ {header} saddr . {header} daddr . {_KEYS[self.ports][1]} counter }}"

    def unnumbered(self) -> "CountingSet":
        """Return the set without the number of its generation."""
        return replace(self, name=self.name.rpartition("_")[0])

    def own_address(self, direction: Direction) -> tuple[int, int]:
        """Return where the keys hold the address of the interface's own end."""
        length = _FAMILIES[self.family][2]
        return (0, length) if direction is Direction.EGRESS else (length, 2 * length)

    def kind(self, key: bytes) -> Kind:
        """Return what the key of an element says."""
        length = _FAMILIES[self.family][2]
        source, target = _address(key[:length]), _address(key[length : 2 * length])
        if self.ports is Ports.OTHER:
            return Kind(source, target, key[2 * length], 0, 0, 0)
        first, second = _PORTS.unpack_from(key, 2 * length)
        flags = key[2 * length + _PORTS.size] if self.ports is Ports.TCP else 0
        return Kind(source, target, _PROTOCOLS[self.ports], first, second, flags)


@lru_cache(maxsize=1 << 16)
def _address(packed: bytes) -> Address:
    return ip_address(packed)
