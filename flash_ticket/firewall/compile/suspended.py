"""Policies that somebody has opened for a while: recorded with who, why and until when, and closed after that."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, Opening, PodFirewall
from flash_ticket.firewall.compile.trap import Trap
from flash_ticket.firewall.declare.binding import PROJECT
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.terms.escape import escaped
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.moment import written

SUSPENSIONS_KEY = f"{PROJECT}:suspensions"
"""The configuration key of Pulumi that holds a stack's suspensions."""

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=24)
"""An update alone takes part of a minute; what stays open for longer than a day belongs into traffic.yaml."""

LONGEST_REASON = 200
"""Characters; longer texts hide the end of a line that somebody must read at night."""


@dataclass(frozen=True, slots=True, order=True)
class Suspension:
    """One policy, opened at the pod layer for a while.

    Attributes:
        policy: Its name.
        until: When it is to be closed, in UTC.
        reason: Why, in somebody's words.
        author: Who, as git or the operating system knows them.
    """

    policy: str
    until: datetime
    reason: str
    author: str

    @property
    def end(self) -> str:
        """When it is to be closed, as ISO 8601."""
        return written(self.until.timestamp())

    def said(self) -> str:
        """Return who and why, harmless to show."""
        return escaped(f"by {self.author}: {self.reason}")


@dataclass(frozen=True, slots=True)
class Suspensions:
    """What a stack's configuration lists, at one moment.

    Attributes:
        at: The moment, in UTC.
    """

    listed: tuple[Suspension, ...]
    at: datetime

    @property
    def open(self) -> tuple[Suspension, ...]:
        """Those that are not over."""
        return tuple(each for each in self.listed if each.until > self.at)

    @property
    def over(self) -> tuple[Suspension, ...]:
        """Those that are over and still listed."""
        return tuple(each for each in self.listed if each.until <= self.at)

    def require_known(self, firewall: PodFirewall, source: str) -> None:
        """Refuse what opens a policy that there is not.

        Raises:
            InputError: With the file and the remedy.
        """
        for each in self.open:
            policy_of(firewall, each.policy, source, SUSPENSIONS_KEY)

    def opened(self, firewall: PodFirewall) -> PodFirewall:
        """Return the pod layer with the suspended policies open in their directions, for the pods that they select."""
        openings = {each.policy: Opening(each.end, each.author, each.reason) for each in self.open}

        def opened(policy: NetworkPolicy) -> NetworkPolicy:
            return replace(policy, opening=openings.get(policy.name))

        return PodFirewall(tuple(opened(policy) for policy in firewall.allows), opened(firewall.default_deny))

    def adding(self, *new: Suspension) -> "Suspensions":
        """Return these with more of them, each in place of one of the same policy; sorted."""
        return replace(self, listed=tuple(sorted((*self.without(*(each.policy for each in new)).listed, *new))))

    def without(self, *policies: str) -> "Suspensions":
        """Return these without those of some policies."""
        return replace(self, listed=tuple(each for each in self.listed if each.policy not in policies))

    def chosen(self, name: str | None, *, every: bool) -> tuple[Suspension, ...]:
        """Return those that are meant: all, or that of a policy.

        Raises:
            InputError: Neither or both are said, or no such policy is suspended.
        """
        _one_way(name, every=every)
        found = tuple(each for each in self.listed if every or each.policy == name)
        if not found and not every:
            known = ", ".join(each.policy for each in self.listed) or "nothing is"
            raise InputError("POLICY", "", f"{shown(name)} is not suspended", f"Name what is suspended: {known}")
        return found

    def traps(self) -> tuple[Trap, ...]:
        """Return what is open now, and what is over and still listed."""
        return (*map(self._open, self.open), *map(_over, self.over))

    def _open(self, suspension: Suspension) -> Trap:
        minutes = -((self.at - suspension.until) // timedelta(minutes=1))
        return Trap(
            f"SUSPENDED until {suspension.end} ({minutes} min): {suspension.policy}",
            f"{opens(suspension.policy)}; the VPC layer still decides, {suspension.said()}",
            f"flash-firewall resume {suspension.policy} closes it at once",
        )


def _over(suspension: Suspension) -> Trap:
    return Trap(
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
    _one_way(name, every=every)
    return firewall.policies if every else (policy_of(firewall, str(name), "POLICY", ""),)


def needs_consent(policies: tuple[NetworkPolicy, ...]) -> bool:
    """Tell whether so much is opened that somebody should say so twice."""
    return any(policy.name == DEFAULT_DENY for policy in policies)


def _one_way(name: str | None, *, every: bool) -> None:
    if every == bool(name):
        raise InputError("POLICY", "", "it is not said which policy is meant", "Name one, or give --all alone")


NONE_SUSPENDED = Suspensions((), datetime.min.replace(tzinfo=UTC))
