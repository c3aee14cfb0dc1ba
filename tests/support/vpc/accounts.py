"""Accounts that a test writes down, and an account that changes while a judge follows it."""

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from lab.vpc.account import Account, Interface, Members, Network, PrefixList, Rule
from lab.vpc.counted import Direction
from lab.vpc.pods import Pods

VPC = "vpc-1"
NETWORK = "10.0.0.0/16"
NODE = "10.0.1.10"
ANY, ANY_SIXTH = "0.0.0.0/0", "::/0"
TCP, UDP, ICMP = 6, 17, 1
NO_PODS = Pods(ip_address(NODE), ())


def interface(name: str, addresses: str, *groups: str) -> Interface:
    """Return an interface with addresses that a space separates."""
    networks = tuple(map(ip_network, addresses.split()))
    return Interface(f"eni-{name}", VPC, networks[0].network_address, networks, groups)


def allow(group: str, direction: Direction, protocol: int | None, ports: tuple[int, int] | None, peer: str) -> Rule:
    """Return a rule; the peer is a network, a group or a prefix list."""
    first, last = ports or (None, None)
    return Rule(group, direction, protocol, first, last, _peer(peer))


def _peer(text: str) -> Network | Members | PrefixList:
    if text.startswith("sg-"):
        return Members(text)
    return PrefixList(text) if text.startswith("pl-") else ip_network(text)


def account(interfaces: tuple[Interface, ...], rules: tuple[Rule, ...], **prefix_lists: str) -> Account:
    """Return an account of one VPC; the networks of a prefix list are given by its id without ``pl-``."""
    lists = {f"pl-{name}": tuple(map(ip_network, text.split())) for name, text in prefix_lists.items()}
    return Account(interfaces, rules, lists, {VPC: (ip_network(NETWORK),)}, (ip_address("10.0.1.1"),))


@dataclass(slots=True)
class Changing:
    """An account that a test changes; a judge calls it to read it."""

    now: Account
    reads: int = 0

    def __call__(self) -> Account:
        """Return what it holds now."""
        self.reads += 1
        return self.now

    def remove(self, *rules: Rule) -> None:
        """Remove rules."""
        self.now = replace(self.now, rules=tuple(each for each in self.now.rules if each not in rules))

    def add(self, *rules: Rule) -> None:
        """Add rules."""
        self.now = replace(self.now, rules=(*self.now.rules, *rules))

    def attach(self, *interfaces: Interface) -> None:
        """Put interfaces into the place of those with their ids."""
        names = {each.identifier for each in interfaces}
        kept = (each for each in self.now.interfaces if each.identifier not in names)
        self.now = replace(self.now, interfaces=(*kept, *interfaces))
