"""The rules of others in security groups of theirs, in the terms of the compiled rules.

A rule of others names a group by its id. It can be the group of an endpoint, or a group that only hosts of the VPC have
which this program does not know. Interfaces with a known group can have further groups of others. Each interface with
the known group may have them, so their rules count as rules of the known group.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flash_ticket.firewall.bind.environment import Group, LoadBalancer, RuleOfOthers
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, RulePeer, label_of
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Direction

RulesOfOthers = Mapping[Holder, tuple[GroupRule, ...] | None]
"""The rules of others by group; None for a group whose rules only the account knows."""

NO_RULES_OF_OTHERS: RulesOfOthers = MappingProxyType({})


def rules_of_others(holders: Iterable[Holder], fronts: Iterable[LoadBalancer] = ()) -> RulesOfOthers:
    """Return the rules of others in the groups that are theirs, and in the further groups of interfaces.

    Args:
        holders: The groups of endpoints.
        fronts: The load balancers with a group of this program, whose interfaces can have further groups.
    """
    known = {group.id: group for group in holders if isinstance(group, Group)}
    having: dict[str, dict[Holder, None]] = {id_: {group: None} for id_, group in known.items()}
    for group in known.values():
        for id_ in group.beside.ids:
            having.setdefault(id_, {})[group] = None
    found: dict[Holder, tuple[GroupRule, ...] | None] = {}
    with_others = [each for each in fronts if each.beside.ids]
    for front in with_others:
        for id_ in front.beside.ids:
            having.setdefault(id_, {})[OwnGroup(front.external)] = None
    for front in with_others:
        own = OwnGroup(front.external)
        found[own] = tuple(_rules(own, front.beside.rules, having))
    for group in known.values():
        read = group.rules_of_others
        found[group] = None if read is None else tuple(_rules(group, (*read, *group.beside.rules), having))
    return found


def _rules(
    holder: Holder, rules: Iterable[RuleOfOthers], having: Mapping[str, Iterable[Holder]]
) -> Iterator[GroupRule]:
    for each in rules:
        name = f"{each.id} of {each.beside}" if each.beside else each.id
        for peer in _peers(each, having):
            yield from (GroupRule(holder, each.direction, peer, ports, (), name) for ports in each.ports)


def _peers(rule: RuleOfOthers, having: Mapping[str, Iterable[Holder]]) -> Iterator[RulePeer]:
    """Yield the known groups whose interfaces have the group that a rule names; that group itself if it is none."""
    if rule.group:
        yield from having.get(rule.group) or (Group(rule.group, rule.group),)
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
