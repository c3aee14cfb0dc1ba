"""How coarse the rules of one group may be, one question at a time. It shares no code with the compiler.

A rule may be coarser than declared in two ways: it names the group of all pods where services of the namespace are
meant, and it opens ports between those of the same peer. No other rule, and no address more.
"""

from collections.abc import Collection, Iterable, Mapping

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, RulePeer
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.verdict import Direction

Place = tuple[Holder, Direction]


def by_place(rules: Iterable[GroupRule]) -> Mapping[Place, list[GroupRule]]:
    """Return the rules by group and direction."""
    found: dict[Place, list[GroupRule]] = {}
    for rule in rules:
        found.setdefault((rule.holder, rule.direction), []).append(rule)
    return found


def stood_for(rule: GroupRule, exact: Collection[GroupRule], matrix: Matrix) -> list[GroupRule]:
    """Return the exact rules of the same group and direction that a rule includes."""
    return [
        each
        for each in exact
        if (each.holder, each.direction) == (rule.holder, rule.direction)
        and each.ports.protocol == rule.ports.protocol
        and rule.ports.first <= each.ports.first <= each.ports.last <= rule.ports.last
        and (each.peer == rule.peer or (_is_of_all(rule.peer, matrix) and _is_service(each.peer, matrix)))
    ]


def may_stand_for(rule: GroupRule, exact: Collection[GroupRule], matrix: Matrix) -> bool:
    """Return whether a rule is no coarser than the two ways allow: its ends are those of exact rules."""
    found = stood_for(rule, exact, matrix)
    return bool(found) and (
        min(each.ports.first for each in found) == rule.ports.first
        and max(each.ports.last for each in found) == rule.ports.last
    )


def count(rules: Iterable[GroupRule], place: Place, family: int) -> int:
    """Return how many of AWS's rules those of one group and direction are, with the rules of others."""
    holder, direction = place
    total = 0
    if isinstance(holder, Group):
        for way, of_family, number in holder.foreign_rules:
            total += number if (way, of_family) == (direction.value, family) else 0
    for rule in rules:
        if isinstance(rule.peer, PrefixList):
            total += rule.peer.weight if rule.peer.family == family else 0
        elif isinstance(rule.peer, OwnGroup | Group):
            total += 1
        else:
            total += rule.peer.version == family
    return total


def _is_of_all(peer: RulePeer, matrix: Matrix) -> bool:
    return isinstance(peer, OwnGroup) and peer.label == f"pods.{matrix.namespace}"


def _is_service(peer: RulePeer, matrix: Matrix) -> bool:
    return isinstance(peer, OwnGroup) and peer.label in {service.name for service in matrix.services}
