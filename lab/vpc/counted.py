"""What the imitation of the VPC counts: each kind of packet at each network interface, and what became of it."""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address


class Direction(Enum):
    """Which way a packet passes a network interface."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Action(Enum):
    """What the groups of a network interface say of a packet."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class Counted:
    """The packets of one kind that passed one network interface in one direction, or were rejected there.

    Attributes:
        interface: The id of the network interface.
        direction: Which way the packets pass it.
        action: What its groups say.
        source: The packets' own source address.
        target: The packets' own destination address.
        protocol: The protocol's number.
        source_port: 0 if the protocol has no ports.
        target_port: 0 if the protocol has no ports.
        tcp_flags: The flags of each of these packets, as TCP writes them; 0 for other protocols.
        packets: How many there were.
        bytes: How long they were in all, with their IP headers.
    """

    interface: str
    direction: Direction
    action: Action
    source: IPv4Address | IPv6Address
    target: IPv4Address | IPv6Address
    protocol: int
    source_port: int
    target_port: int
    tcp_flags: int
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Window:
    """What passed the network interfaces between two moments.

    Attributes:
        begin: In seconds since 1970.
        end: In seconds since 1970.
        interfaces: The ids of those that stood during the window, also without traffic.
        counted: What passed them, and what they rejected.
    """

    begin: float
    end: float
    interfaces: tuple[str, ...]
    counted: tuple[Counted, ...]
