"""The pod layer with a stack's suspended policies open."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.names.domains_layer import DomainsPolicy
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, Opening, PodFirewall
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.fields import is_default_deny
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspension, Suspensions, require_one_choice
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.notice import Notice


def require_known(suspensions: Suspensions, firewall: PodFirewall, environment: Environment) -> None:
    """Refuse a suspension of a policy that does not exist, or that Pulumi does not apply.

    Raises:
        InputError: A suspended policy does not exist, or is applied from rendered files.
    """
    source = stack_file(environment.name)
    if suspensions.open:
        refuse_rendered(environment, source, SUSPENSIONS_KEY, "open a policy")
    for each in suspensions.open:
        policy_of(firewall, each.policy, source, SUSPENSIONS_KEY)


def refuse_rendered(environment: Environment, source: str, key: str, wish: str) -> None:
    """Refuse what only Pulumi could do, if something else applies the pod layer.

    Args:
        environment: The environment of the stack.
        source: Where the wish is from, for the error.
        key: Its key there.
        wish: What Pulumi cannot do, such as ``open a policy``.

    Raises:
        InputError: The binding says that rendered files are applied.
    """
    if environment.cluster.pod_layer is PodLayerOwner.RENDERED:
        raise InputError(
            source,
            key,
            f"cluster.podLayer is rendered, so Pulumi cannot {wish}: the policies are applied from Git",
            "Revert the commit of the rendered files there, or edit traffic.yaml, run flash-firewall render and commit "
            "what it writes",
        )


def opened(suspensions: Suspensions, firewall: PodFirewall) -> PodFirewall:
    """Return the pod layer with the suspended policies open in their directions, for the pods that they select."""
    openings = {each.policy: Opening(each.end, each.author, each.reason) for each in suspensions.open}

    def with_opening(policy: NetworkPolicy) -> NetworkPolicy:
        return replace(policy, opening=openings.get(policy.name))

    return PodFirewall(
        tuple(map(with_opening, firewall.allows)),
        with_opening(firewall.default_deny),
        tuple(map(with_opening, firewall.further_denials)),
    )


def suspension_notices(suspensions: Suspensions) -> tuple[Notice, ...]:
    """Return a notice for each open suspension, and for each that is over but still listed."""
    return (*(_open(each, suspensions.at) for each in suspensions.open), *map(_over, suspensions.over))


def _open(suspension: Suspension, at: datetime) -> Notice:
    minutes = -((at - suspension.until) // timedelta(minutes=1))
    return Notice(
        f"SUSPENDED until {suspension.end} ({minutes} min): {suspension.policy}",
        f"{opens(suspension.policy)}; the VPC layer still applies; suspended {suspension.said()}",
        f"flash-firewall resume {suspension.policy} closes it at once",
    )


def _over(suspension: Suspension) -> Notice:
    return Notice(
        f"suspension of {suspension.policy}",
        f"it ended at {suspension.end}, and this deployment closes it; it was suspended {suspension.said()}",
        f"flash-firewall resume {suspension.policy} closes it and removes it from the list",
    )


def opens(policy: str) -> str:
    """Return a phrase for what a suspension of a policy opens."""
    if is_default_deny(policy):
        return "every pod of the namespace may reach and be reached by anything at the pod layer"
    return "its pods are open in its direction to anything at the pod layer"


def policy_of(firewall: PodFirewall, name: str, source: str, key: str) -> NetworkPolicy:
    """Return a policy by its name.

    Raises:
        InputError: No policy has this name; the error names the given source and key.
    """
    found = next((policy for policy in _suspendable(firewall) if policy.name == name), None)
    if found is None:
        known = ", ".join(policy.name for policy in _suspendable(firewall))
        raise InputError(source, key, f"{shown(name)} is not a policy of this firewall", f"Name one of: {known}")
    return found


def chosen_policies(firewall: PodFirewall, name: str | None, *, every: bool) -> tuple[NetworkPolicy, ...]:
    """Return the chosen policies: all, or one by its name.

    Raises:
        InputError: Neither or both are given, or there is no such policy.
    """
    require_one_choice(name, every=every)
    chosen = _suspendable(firewall) if every else (policy_of(firewall, str(name), "POLICY", ""),)
    return tuple(chosen)


def _suspendable(firewall: PodFirewall) -> Iterator[NetworkPolicy]:
    """Yield the policies that can be open: an open egress policy opens the way to every name, too."""
    return (policy for policy in firewall.policies if not isinstance(policy, DomainsPolicy))


def needs_consent(policies: tuple[NetworkPolicy, ...]) -> bool:
    """Return whether a suspension opens so much that a person must confirm it."""
    return any(policy.service is None for policy in policies)
