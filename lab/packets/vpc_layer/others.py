"""What others have in the VPC of a declaration: what every cluster has, and what is drawn at random."""

from ipaddress import IPv4Network
from random import Random

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import Direction
from lab.packets.vpc_layer.account import STRANGERS, Others, RuleOfAnother, groups_in

_PEERS = ("198.18.20.0/24", "198.18.0.0/16", "198.18.101.0/24", "203.0.113.0/24", "0.0.0.0/0")
_PORTS = (tcp(80), tcp(443), udp(53), tcp(5432), PortRange(Protocol.TCP, 3000, 8005), udp(8005), None)
_MOST_RULES = 3
_BESIDE = "monitoring-agents"


def ordinary_others(environment: Environment) -> Others:
    """Return what every EKS cluster has: its own group and that of the nodes allow everything among themselves."""
    among = {environment.cluster.group.label, *(group.label for group in environment.cluster.nodes)}
    return Others(tuple(RuleOfAnother(label, Direction.INGRESS, label) for label in sorted(among)))


def random_others(random: Random, environment: Environment) -> Others:
    """Return that with random rules, with groups beside others, and with groups that allow no egress."""
    known = sorted(group.label for group in groups_in(environment))
    beside = {label: (_BESIDE,) for label in (*known, *environment.fronts) if _one_of(random, 4)}
    holders = [*known, *([_BESIDE] if beside else [])]
    peers = [*_PEERS, *holders, STRANGERS]
    rules = tuple(
        RuleOfAnother(
            random.choice(holders), random.choice(list(Direction)), _peer(random.choice(peers)), random.choice(_PORTS)
        )
        for _ in range(random.randint(0, _MOST_RULES))
    )
    shut = frozenset(label for label in holders if _one_of(random, 3))
    return Others((*ordinary_others(environment).rules, *dict.fromkeys(rules)), beside, shut)


def _peer(text: str) -> str | IPv4Network:
    return IPv4Network(text) if "/" in text else text


def _one_of(random: Random, count: int) -> bool:
    return random.randrange(count) == 0
