"""In which order policies decide: administrators, NetworkPolicies, the baseline, and then everything is allowed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from flash_ticket.firewall.analyse.admin.admin_policy import Action, AdminPolicy, AdminRule, Tier
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortSet


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that matches a peer, with the ports that it matches at the destination."""

    policy: AdminPolicy
    rule: AdminRule
    ports: PortSet


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule with the ports that it decides about, because no rule of higher precedence does."""

    match: Match
    ports: PortSet

    @property
    def action(self) -> Action:
        """What the rule does."""
        return self.match.rule.action


def decisions(matches: Iterable[Match], tier: Tier, about: PortSet) -> Iterator[Decision]:
    """Yield what the rules of a tier decide about some ports.

    Args:
        matches: Rules of both tiers, by the precedence of their policies, then by their index.
        tier: The tier that decides.
        about: The ports that arrive at this tier.

    Raises:
        InputError: Policies of equal priority decide differently about a port. The API does not say which one wins.
    """
    left = about
    within = (match for match in matches if match.policy.tier is tier)
    for _, alike in groupby(within, key=lambda match: match.policy.priority):
        found = [list(_in_turn(own, left)) for _, own in groupby(alike, key=lambda match: match.policy)]
        _refuse_contradiction([each for own in found for each in own])
        for each in (each for own in found for each in own):
            ports = each.ports & left
            if ports:
                yield Decision(each.match, ports)
                left -= ports


def allowed_ports(matches: Iterable[Match], granted: PortSet | None) -> PortSet:
    """Return the ports that one end of a connection allows.

    Args:
        matches: The rules of administrators that match the other end, as for ``decisions``.
        granted: What NetworkPolicies allow; None if none of them selects the end in this direction.

    Raises:
        InputError: As for ``decisions``.
    """
    found = tuple(matches)
    opened, left = after_admin_tier(found, ALL_PORTS)
    if granted is not None:
        return opened | (granted & left)
    for each in decisions(found, Tier.BASELINE, left):
        if each.action is Action.DENY:
            left -= each.ports
    return opened | left


def after_admin_tier(matches: Iterable[Match], about: PortSet) -> tuple[PortSet, PortSet]:
    """Return the ports that the first tier allows, and those that it leaves to NetworkPolicies.

    Raises:
        InputError: As for ``decisions``.
    """
    opened, left = NO_PORTS, about
    for each in decisions(matches, Tier.ADMIN, about):
        if each.action is Action.ALLOW:
            opened |= each.ports
        if each.action is not Action.PASS:
            left -= each.ports
    return opened, left


def _in_turn(matches: Iterable[Match], about: PortSet) -> Iterator[Decision]:
    """Yield what the rules of one policy decide: the first that matches a port decides about it."""
    left = about
    for match in matches:
        ports = match.ports & left
        if ports:
            yield Decision(match, ports)
            left -= ports


def _refuse_contradiction(found: list[Decision]) -> None:
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            shared = one.ports & other.ports
            if one.action is not other.action and shared:
                of_both = [each.match.policy for each in (one, other)]
                raise InputError(
                    of_both[0].source,
                    str(of_both[0]),
                    f"it and {of_both[1]} have the priority {of_both[0].priority}, and they {one.action.value} and "
                    f"{other.action.value} the same connections ({shared}): the API does not say which one decides",
                    "Give them different priorities",
                )
