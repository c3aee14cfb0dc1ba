"""Why one end of a connection allows or denies it, if administrators have a say."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from flash_ticket.firewall.analyse.admin.admin_policy import Action, AdminPolicy, Tier
from flash_ticket.firewall.analyse.admin.decision import Decision, Match, after_admin_tier, decisions
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Outcome, RuleReference, Side


def decided_side(
    governing: Sequence[AdminPolicy],
    matches: Sequence[Match],
    wanted: PortSet,
    by_network_policies: Callable[[PortSet], Side],
) -> Side:
    """Return the part of a verdict at one end.

    Args:
        governing: The policies of administrators that decide about the end, by precedence.
        matches: Their rules that match the other end, by precedence.
        wanted: The ports of the question.
        by_network_policies: Returns what NetworkPolicies alone say about ports.

    Raises:
        InputError: Policies of equal priority contradict each other.
    """
    if not governing:
        return by_network_policies(wanted)
    deciding = list(decisions(matches, Tier.ADMIN, wanted))
    _, left = after_admin_tier(matches, wanted)
    side = by_network_policies(left or wanted)
    if side.outcome is Outcome.UNGOVERNED:
        deciding += decisions(matches, Tier.BASELINE, left)
        side = replace(side, outcome=Outcome.BY_DEFAULT)
    side = replace(side, governors=(*map(str, governing), *side.governors))
    denying = [each for each in deciding if each.action is Action.DENY]
    allowing = [each for each in deciding if each.action is Action.ALLOW]
    if denying:
        return replace(side, outcome=Outcome.DENIED, rules=_references(denying, side))
    if not left or (allowing and side.passes):
        of_policies = side.rules if left else ()
        return replace(side, outcome=Outcome.ALLOWED, rules=(*_references(allowing, side), *of_policies))
    return side


def _references(found: Iterable[Decision], side: Side) -> tuple[RuleReference, ...]:
    return tuple(dict.fromkeys(_each(found, side)))


def _each(found: Iterable[Decision], side: Side) -> Iterator[RuleReference]:
    for each in found:
        yield each.match.policy.reference(side.direction, each.match.rule)
