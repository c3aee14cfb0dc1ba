"""The pod layer with the policies open that a stack suspends."""

from dataclasses import replace
from datetime import datetime, timedelta

from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, Opening, PodFirewall
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspension, Suspensions, require_one_choice
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.notice import Notice


def require_known(suspensions: Suspensions, firewall: PodFirewall, source: str) -> None:
    """Refuse a suspension of a policy that does not exist.

    Raises:
        InputError: With the file and the remedy.
    """
    for each in suspensions.open:
        policy_of(firewall, each.policy, source, SUSPENSIONS_KEY)


def opened(suspensions: Suspensions, firewall: PodFirewall) -> PodFirewall:
    """Return the pod layer with the suspended policies open in their directions, for the pods that they select."""
    openings = {each.policy: Opening(each.end, each.author, each.reason) for each in suspensions.open}

    def with_opening(policy: NetworkPolicy) -> NetworkPolicy:
        return replace(policy, opening=openings.get(policy.name))

    return PodFirewall(tuple(map(with_opening, firewall.allows)), with_opening(firewall.default_deny))


def suspension_notices(suspensions: Suspensions) -> tuple[Notice, ...]:
    """Return what is open now, and what is over and still listed."""
    return (*(_open(each, suspensions.at) for each in suspensions.open), *map(_over, suspensions.over))


def _open(suspension: Suspension, at: datetime) -> Notice:
    minutes = -((at - suspension.until) // timedelta(minutes=1))
    return Notice(
        f"SUSPENDED until {suspension.end} ({minutes} min): {suspension.policy}",
        f"{opens(suspension.policy)}; the VPC layer still decides, {suspension.said()}",
        f"flash-firewall resume {suspension.policy} closes it at once",
    )


def _over(suspension: Suspension) -> Notice:
    return Notice(
        f"suspension of {suspension.policy}",
        f"it was to end at {suspension.end}, and what is deployed here closes it, {suspension.said()}",
        f"flash-firewall resume {suspension.policy} closes it and forgets it",
    )


def opens(policy: str) -> str:
    """Return in words what a suspension opens."""
    if policy == DEFAULT_DENY:
        return "every pod of the namespace may reach and be reached by anything at the pod layer"
    return "its pods are open in its direction to anything at the pod layer"


def policy_of(firewall: PodFirewall, name: str, source: str, key: str) -> NetworkPolicy:
    """Return a policy by its name.

    Raises:
        InputError: There is none of this name; with the source and key given.
    """
    found = next((policy for policy in firewall.policies if policy.name == name), None)
    if found is None:
        known = ", ".join(policy.name for policy in firewall.policies)
        raise InputError(source, key, f"{shown(name)} is no policy of this firewall", f"Name one of: {known}")
    return found


def chosen_policies(firewall: PodFirewall, name: str | None, *, every: bool) -> tuple[NetworkPolicy, ...]:
    """Return the policies that are meant: all, or one by its name.

    Raises:
        InputError: Neither or both are said, or there is no such policy.
    """
    require_one_choice(name, every=every)
    return firewall.policies if every else (policy_of(firewall, str(name), "POLICY", ""),)


def needs_consent(policies: tuple[NetworkPolicy, ...]) -> bool:
    """Return whether so much is opened that somebody should say so twice."""
    return any(policy.name == DEFAULT_DENY for policy in policies)
