"""The two or three things to do next, with their commands, in the order in which a person on call tries them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from shlex import quote

from flash_ticket.firewall.terms.changes import ChangeKind
from flash_ticket.firewall.terms.connections import words
from flash_ticket.firewall.terms.ports import Protocol
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.report.night.night import Night
from flash_ticket.report.rollback import ListedVersion
from flash_ticket.report.traffic.traffic_words import ends
from flash_ticket.traffic.denials.denied import Denial

MOST_STEPS = 3


class Reason(StrEnum):
    """Why a step comes next."""

    CUT_BY_A_CHANGE = "cut by a change"
    DRIFT = "drift"
    OVERDUE = "overdue"
    UNEXPLAINED = "unexplained"
    SUSPEND = "suspend"
    UNDECLARED = "undeclared"
    ASK_AGAIN = "ask again"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        command: What to type; empty if there is nothing to do.
        about: The connection, policy or version that the reason names; empty if it names none.
    """

    reason: Reason
    command: str = ""
    about: str = ""


def next_steps(night: Night) -> tuple[Step, ...]:
    """Return what to do next, the most urgent first; at least one step."""
    return tuple(islice(_steps(night), MOST_STEPS)) or (Step(Reason.NOTHING),)


def _steps(night: Night) -> Iterator[Step]:
    stack = f"--stack {quote(night.stack)}"
    change = _cutting_change(night)
    if change:
        before = change.version.number - 1
        yield Step(Reason.CUT_BY_A_CHANGE, f"flash-firewall rollback --to {before} {stack}", f"{change.version.number}")
    if night.verification.found and night.verification.found.drift:
        yield Step(Reason.DRIFT, night.verification.found.drift[0].remedy, f"{len(night.verification.found.drift)}")
    for each in night.suspensions.over:
        yield Step(Reason.OVERDUE, f"flash-firewall resume {quote(each.policy)} {stack}", each.policy)
    for denial in night.declared[:1]:
        yield Step(Reason.UNEXPLAINED, f"flash-firewall explain {stack} {_arguments(denial)}", ends(denial))
    policy = _policy(night)
    if policy:
        command = f'flash-firewall suspend {quote(policy)} --for 30m --reason "WHY" {stack}'
        yield Step(Reason.SUSPEND, command, policy)
    if night.undeclared and not night.declared:
        yield Step(
            Reason.UNDECLARED,
            f"flash-firewall denied --since {quote(night.period)} {stack}",
            f"{len(night.undeclared)}",
        )
    if any(each.missing for each in (night.traffic, night.verification, night.versions)):
        yield Step(Reason.ASK_AGAIN)


def _arguments(denial: Denial) -> str:
    if denial.port is None:
        return f"{quote(denial.source.name)} {quote(denial.destination.name)} 1-65535"
    protocol = "" if denial.port.protocol is Protocol.TCP else f"{denial.port.protocol.value.lower()}/"
    port = f"{protocol}{denial.port.first}"
    return f"{quote(denial.source.name)} {quote(denial.destination.name)} {port}"


def _policy(night: Night) -> str | None:
    """Return the policy whose suspension would let a declared connection pass; only the pod layer has policies."""
    if night.traffic.found is None:
        return None
    services = {each.name: each for each in night.traffic.found.traffic.firewall.matrix.services}
    for each in night.declared:
        if each.layer is Layer.POD:
            source, destination = services.get(each.source.name), services.get(each.destination.name)
            if source:
                return source.egress_policy
            if destination:
                return destination.ingress_policy
    return None


def _cutting_change(night: Night) -> ListedVersion | None:
    """Return the running version, if it is of this period and closed something between two ends that are denied now."""
    runs, *_ = (*night.changes, None)
    if runs is None or runs.changed is None or runs.version.number == 1:
        return None
    if night.since is not None and datetime.fromisoformat(runs.version.since).timestamp() < night.since:
        return None
    denied = {(each.source.name, each.destination.name) for each in (*night.declared, *night.undeclared)}
    closed = {
        (words(each.source), words(each.destination))
        for each in runs.changed.through_both
        if each.kind is not ChangeKind.ADDED
    }
    return runs if closed & denied else None
