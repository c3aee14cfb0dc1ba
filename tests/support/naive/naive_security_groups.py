"""A second opinion on security groups: one question at a time, following the VPC User Guide sentence by sentence.

It knows only the groups and rules that the program sends to AWS, and nothing about matrices.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, RulePeer
from flash_ticket.firewall.terms.ports import Protocol
from flash_ticket.firewall.terms.verdict import Direction

_address = cache(ip_address)  # parsing the same few addresses again and again would take most of the time


@dataclass(frozen=True)
class Interface:
    """A network interface: its address and its groups. A group may have no rules."""

    groups: tuple[OwnGroup | Group, ...]
    address: str


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection. "Security groups are stateful": its replies need no rule."""

    source: Interface
    target: Interface
    protocol: Protocol
    port: int


def leaves(rules: Iterable[GroupRule], packet: Packet) -> bool:
    """Return whether the outbound rules of the source's groups allow the packet."""
    return _any_rule(rules, Direction.EGRESS, packet.source, packet.target, packet)


def enters(rules: Iterable[GroupRule], packet: Packet) -> bool:
    """Return whether the inbound rules of the target's groups allow the packet."""
    return _any_rule(rules, Direction.INGRESS, packet.target, packet.source, packet)


def _any_rule(
    rules: Iterable[GroupRule], direction: Direction, own: Interface, other: Interface, packet: Packet
) -> bool:
    # "Rules from each security group are aggregated to form a single set of rules"; there are no deny rules.
    for rule in rules:
        if rule.direction != direction:
            continue
        if rule.holder not in own.groups:
            continue
        if rule.ports.protocol != packet.protocol:
            continue
        if packet.port < rule.ports.first or packet.port > rule.ports.last:
            continue
        if _is(rule.peer, other):
            return True
    return False


def _is(peer: RulePeer, interface: Interface) -> bool:
    if isinstance(peer, OwnGroup | Group):
        # "instances that are associated with the referenced security group"
        return peer in interface.groups
    if isinstance(peer, PrefixList):
        return any(_address(interface.address) in network for network in peer.networks)
    return _address(interface.address) in peer
