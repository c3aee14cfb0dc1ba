"""What the shop's pods and hosts try at night, and which of it works."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from flash_ticket.firewall.terms.ports import tcp
from lab.denials.attempts import Call, calls, tried
from lab.node.network import add_host
from lab.packets.connections import Answer, Attempt, attempt_all
from lab.shop.shop import Shop

TIMES = 3
"""How many times each declared connection is tried."""

INTRUDER = IPv4Address("198.51.100.77")
_SCANNED = (("alb", 22), ("alb", 3306), ("gateway", 3000))
_SECONDS = 2.2  # a lost SYN is sent again after one

Pair = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Tried:
    """The results of connections.

    Attributes:
        works: How many attempts of each connection had an answer, by its source, destination and port.
        fails: How many had none.
    """

    works: Counter[Pair]
    fails: Counter[Pair]

    @property
    def failing(self) -> frozenset[tuple[str, str]]:
        """The ends of the connections with a failed attempt."""
        return frozenset((source, destination) for source, destination, _ in self.fails)

    def lines(self) -> Iterable[str]:
        """Yield a line for each connection, those that work first."""
        for pair in sorted(self.works.keys() | self.fails.keys(), key=lambda pair: (pair in self.fails, pair)):
            source, destination, port = pair
            worked = self.works[pair]
            yield f"{worked:>2} of {worked + self.fails[pair]} connect  {source} => {destination} : TCP {port}"


def declared(shop: Shop) -> Tried:
    """Try each connection that the shop's own matrix declares, by the address of the Service where there is one."""
    some = [each for each in calls(shop) if each.is_declared and each.called != _own_behind_a_service(each)]
    pairs = [(each.source.name, each.destination.name, each.port.first) for each in some]
    return _counted(answer for _ in range(TIMES) for answer in zip(pairs, tried(some), strict=True))


def scan(shop: Shop, namespace: Path) -> Tried:
    """Try ports of the load balancer and of the gateway's pods from somewhere in the internet."""
    pods = {each.destination.name: each.destination.address for each in calls(shop) if each.destination.is_pod}
    ends = {"alb": shop.hosts["alb"], "gateway": pods["gateway"]}
    attempts = [Attempt(namespace, ends[name], tcp(port)) for name, port in _SCANNED]
    pairs = [("the internet", name, port) for name, port in _SCANNED]
    return _counted(zip(pairs, attempt_all(attempts, _SECONDS), strict=True))


def intruder() -> Path:
    """Make a host with an address of the internet, and return its network namespace."""
    return add_host("intruder", INTRUDER)


def _own_behind_a_service(call: Call) -> str:
    """Return the address that nobody calls: a pod's own, if it has a Service and a pod calls it."""
    return call.destination.address if call.destination.cluster_ip and call.source.is_pod else ""


def _counted(answers: Iterable[tuple[Pair, Answer]]) -> Tried:
    works, fails = Counter[Pair](), Counter[Pair]()
    for pair, answer in answers:
        (works if answer.passes else fails)[pair] += 1
    return Tried(works, fails)
