"""The shop on plain network namespaces: its ends, their interfaces in the account, and real packets between them."""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from lab.node.network import entered
from lab.packets.vpc_layer.deployment import deployed
from lab.vpc.account import read
from lab.vpc.counted import Window
from lab.vpc.judge import Judge
from lab.vpc.pods import Pods
from tests.support.vpc.network import Network, network

NODE = "10.10.10.5"
PODS = {"gateway": "10.10.10.21", "api": "10.10.10.22", "pay": "10.10.11.23"}
HOSTS = {"alb": "10.10.0.8", "redis": "10.10.20.15", "rabbitmq": "10.10.20.25", "database": "10.10.21.35"}
OUTSIDE = {"client": "203.0.113.9", "stranger": "198.51.100.77"}
ENDS = {**PODS, **HOSTS}
_KINDS = {6: socket.SOCK_STREAM, 17: socket.SOCK_DGRAM}


@dataclass(frozen=True, slots=True)
class Attempts:
    """Connections that nobody answers.

    Attributes:
        count: How many, each from a port of its own.
        packets: How many packets each sends.
    """

    source: str
    target: str
    port: int
    protocol: int
    count: int
    packets: int = 1


@dataclass(frozen=True, slots=True)
class Ran:
    """What was sent, as the ends themselves know it, and what the interfaces counted.

    Attributes:
        windows: What was counted, each window in a minute of its own.
        interfaces: The id of the interface of each end.
        groups: The ids of the groups of each interface, by end.
        sent: How many packets each end sent, as the kernel counts them there.
        received: The same for those that arrived.
    """

    windows: tuple[Window, ...]
    interfaces: Mapping[str, str]
    groups: Mapping[str, Sequence[str]]
    sent: Mapping[str, int]
    received: Mapping[str, int]


@dataclass(slots=True)
class RunningShop:
    """The ends of the shop in an account, judged by the groups that the account holds."""

    ec2: Any
    vpc: str
    firewall: CompiledFirewall

    @contextmanager
    def ran(
        self, calls: Sequence[tuple[str, str, int]], attempts: Sequence[Attempts], rounds: int, begin: int
    ) -> Iterator[Ran]:
        """Send packets, and keep the interfaces in the account for the length of a ``with`` block.

        Args:
            calls: Caller, called end and port of each connection; all are answered, once in each round.
            attempts: What is tried once, in the middle.
            rounds: How many windows are counted while the shop runs.
            begin: When the first of them begins, by a clock of the test's own.
        """
        with ExitStack() as stack:
            deployment = stack.enter_context(deployed(self.ec2, self.vpc, self.firewall.owner, self.firewall.vpc))
            groups: dict[str, Sequence[str]] = {**deployment.attached(self.firewall.vpc)}
            groups |= {name: [deployment.groups.get(name) or self._group(name)] for name in HOSTS}
            interfaces = {name: stack.enter_context(self._interface(name, groups[name])) for name in ENDS}
            made = stack.enter_context(network())
            for name, address in {**ENDS, **OUTSIDE}.items():
                made.add(name, address)
            held = read(self.ec2, self.vpc)
            before = {name: _packets(made.hosts[name]) for name in ENDS}
            with entered(made.router), Judge(lambda: held, Pods(ip_address(NODE), ())) as judge:
                counted = tuple(_windows(made, judge, calls, attempts, rounds))
            after = {name: _packets(made.hosts[name]) for name in ENDS}
            yield Ran(
                tuple(
                    replace(each, begin=begin + 60 * number, end=begin + 60 * number + 60)
                    for number, each in enumerate(counted)
                ),
                interfaces,
                groups,
                {name: after[name][0] - before[name][0] for name in ENDS},
                {name: after[name][1] - before[name][1] for name in ENDS},
            )

    @contextmanager
    def _interface(self, name: str, groups: Sequence[str]) -> Iterator[str]:
        address = ENDS[name]
        wanted = [
            {"Name": "vpc-id", "Values": [self.vpc]},
            {"Name": "cidr-block", "Values": [f"{address.rpartition('.')[0]}.0/24"]},
        ]
        subnet = self.ec2.describe_subnets(Filters=wanted)["Subnets"][0]["SubnetId"]
        made = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=[*groups])
        identifier = str(made["NetworkInterface"]["NetworkInterfaceId"])
        try:
            yield identifier
        finally:
            self.ec2.delete_network_interface(NetworkInterfaceId=identifier)

    def _group(self, name: str) -> str:
        wanted = [{"Name": "tag:Name", "Values": [f"flash-ticket-dev-{name}"]}]
        return str(self.ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"])


def _windows(
    made: Network, judge: Judge, calls: Sequence[tuple[str, str, int]], attempts: Sequence[Attempts], rounds: int
) -> Iterator[Window]:
    with ExitStack() as stack:
        listening = {}
        for _, target, port in calls:
            if (target, port) not in listening:
                listener = stack.enter_context(made.socket(target, socket.SOCK_STREAM, port=port))
                listener.listen()
                listening[target, port] = listener
        for number in range(rounds):
            for source, target, port in calls:
                _call(made, source, listening[target, port])
            if number == rounds // 2:
                for each in attempts:
                    _try(made, each)
            yield judge.window()
        while (last := judge.window()).counted:
            yield last
            time.sleep(0.1)  # the last acknowledgements


def _call(made: Network, source: str, listener: socket.socket) -> None:
    """Make a connection, ask, answer, and end it from both sides."""
    with made.socket(source, socket.SOCK_STREAM) as caller:
        caller.connect(listener.getsockname())
        called, _ = listener.accept()
        with called:
            called.settimeout(caller.gettimeout())
            caller.sendall(b"asked")
            assert called.recv(100) == b"asked"
            called.sendall(b"answered" * 100)
            caller.recv(2000)
            caller.shutdown(socket.SHUT_WR)
            assert called.recv(1) == b""


def _try(made: Network, attempts: Attempts) -> None:
    """Send the first packets of connections, and give them up before the kernel sends any of them again."""
    target = {**ENDS, **OUTSIDE}[attempts.target], attempts.port
    for _ in range(attempts.count):
        with made.socket(attempts.source, _KINDS[attempts.protocol]) as caller:
            caller.settimeout(0)
            if attempts.protocol == 6:
                assert caller.connect_ex(target) != 0
            else:
                for _ in range(attempts.packets):
                    caller.sendto(b"asked", target)


def _packets(namespace: Path) -> tuple[int, int]:
    """Return how many IP packets the kernel of a network namespace has sent and received."""
    text = (namespace.parents[1] / "net/snmp").read_text(encoding="ascii")
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("Ip:"))
    found = dict(zip(names, map(int, values), strict=True))
    return found["OutRequests"], found["InReceives"]
