"""Packets between the hosts of a test's network, and what a judge says of them."""

import contextlib
import select
import socket
import time
from dataclasses import dataclass

from lab.vpc.counted import Action, Direction
from lab.vpc.judge import Judge
from tests.support.vpc.network import Network

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
PATIENCE_SECONDS = 20.0

Said = dict[tuple[str, Direction], Action]
"""What each interface said of a packet."""


@dataclass(frozen=True, slots=True)
class Call:
    """A TCP connection that a host tries; the target is a host's name or an address."""

    source: str
    target: str
    port: int
    family: int = 4


def first_packet(judge: Judge, network: Network, call: Call) -> Said:
    """Send the first packet of a connection, and return what the interfaces on its way say of it.

    The target must answer if they accept it: it need not listen.
    """
    judge.window()
    known = call.target in network.addresses
    address = network.address(call.target, call.family) if known else call.target
    with network.socket(call.source, TCP, call.family) as caller:
        caller.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            caller.connect((address, call.port))
        own = caller.getsockname()[1]
        said: Said = {}
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            _, answered, _ = select.select([], [caller], [], 0)
            found = [each for each in judge.window().counted if each.source_port == own]
            said |= {(each.interface, each.direction): each.action for each in found}
            if answered or Action.REJECT in said.values():
                break
    return said


def connection(
    network: Network, source: str, target: str, port: int, family: int = 4
) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection."""
    with network.socket(target, TCP, family, port) as listener:
        listener.listen()
        caller = network.socket(source, TCP, family)
        caller.connect(listener.getsockname()[:2])
        called, _ = listener.accept()
    called.settimeout(caller.gettimeout())
    return caller, called


def carries(ends: tuple[socket.socket, socket.socket]) -> bool:
    """Return whether bytes go through a connection, there and back."""
    for sender, receiver in (ends, ends[::-1]):
        sender.sendall(b"x")
        receiver.settimeout(0.6)
        try:
            if receiver.recv(1) != b"x":
                return False
        except TimeoutError:
            return False
    return True
