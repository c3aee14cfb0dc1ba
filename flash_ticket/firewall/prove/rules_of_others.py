"""The rules of others in security groups of theirs, in the terms of the compiled rules.

A rule of others names a group by its id. It can be the group of an endpoint, or a group that only hosts of the VPC have
which this program does not know.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flash_ticket.firewall.bind.environment import Group, RuleOfOthers
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, RulePeer, label_of
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Direction

RulesOfOthers = Mapping[Group, tuple[GroupRule, ...] | None]
"""The rules of others by group; None for a group whose rules only the account knows."""

NO_RULES_OF_OTHERS: RulesOfOthers = MappingProxyType({})


def rules_of_others(holders: Iterable[Holder]) -> RulesOfOthers:
    """Return the rules of others in the groups that are theirs."""
    known = {group.id: group for group in holders if isinstance(group, Group)}
    return {group: _rules(group, known) for group in known.values()}


def _rules(holder: Group, known: Mapping[str, Group]) -> tuple[GroupRule, ...] | None:
    if holder.rules_of_others is None:
        return None
    return tuple(
        GroupRule(holder, each.direction, peer, ports, (), each.id)
        for each in holder.rules_of_others
        for peer in _peer(each, known)
        for ports in each.ports
    )


def _peer(rule: RuleOfOthers, known: Mapping[str, Group]) -> Iterator[RulePeer]:
    if rule.group:
        yield known.get(rule.group) or Group(rule.group, rule.group)
    elif peer := rule.prefix_list or rule.network:
        yield peer


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """What one rule of others opens.

    Attributes:
        group: The name of the group that holds it.
        rule: Its id.
        peer: The group, network or prefix list that it names.
        ports: The ports, in words.
    """

    group: str
    rule: str
    direction: Direction
    peer: str
    ports: str

    def __str__(self) -> str:
        """Return ``sgr-1 in shop-nodes: egress to 0.0.0.0/0 : All Connections``."""
        side = "to" if self.direction is Direction.EGRESS else "from"
        return f"{self.rule} in {self.group}: {self.direction} {side} {self.peer} : {self.ports}"


def openings(rules: Iterable[GroupRule]) -> tuple[Opening, ...]:
    """Return what rules of others open, sorted; a rule of several protocols is one of these."""
    by_rule: dict[tuple[str, str], list[GroupRule]] = {}
    for rule in rules:
        if rule.id_of_others:
            by_rule.setdefault((rule.holder.label, rule.id_of_others), []).append(rule)
    return tuple(sorted(_opening(found) for found in by_rule.values()))


def _opening(found: Sequence[GroupRule]) -> Opening:
    first = found[0]
    ports = PortSet.of(rule.ports for rule in found)
    return Opening(first.holder.label, first.id_of_others, first.direction, label_of(first.peer), str(ports))
