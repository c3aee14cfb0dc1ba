"""A second evaluator of the probe: it tries every world that could have given what was seen."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation
from flash_ticket.verify.probe.judgement import Enforcer, Place
from flash_ticket.verify.probe.script import ProbeOutcome

Outcomes = Mapping[Check, tuple[ProbeOutcome, ...]]
_SILENT = {ProbeOutcome.UNRESOLVED, ProbeOutcome.NO_TOOL, ProbeOutcome.UNKNOWN}


def possible(*, rejects: bool, listens: bool, blocked: bool) -> set[ProbeOutcome]:
    """Return what a connection may see in a world; security groups always drop, and a router may know no way."""
    if not blocked:
        return {ProbeOutcome.CONNECTED if listens else ProbeOutcome.REFUSED}
    return {ProbeOutcome.TIMED_OUT, ProbeOutcome.UNREACHABLE, *([ProbeOutcome.REFUSED] if rejects else [])}


def naive_verdicts(
    declared: Enforcer, outcomes: Outcomes, own: Mapping[Place, ProbeOutcome]
) -> dict[Check, CheckVerdict]:
    """Return the verdict on each check that was tried."""
    kinds = [False] if declared is Enforcer.DROPS else [False, True]
    kinds = [each for each in kinds if _explains(each, outcomes, own)] or [True]
    return {check: _verdict(check, outcomes, own, kinds) for check in outcomes}


def _explains(rejects: bool, outcomes: Outcomes, own: Mapping[Place, ProbeOutcome]) -> bool:  # noqa: FBT001 - one of two worlds
    places = {(host, check.port) for check in outcomes for host in check.hosts}
    return all(any(True for _ in _listening(rejects, place, outcomes, own)) for place in places)


def _listening(
    rejects: bool,  # noqa: FBT001 - one of two worlds
    place: Place,
    outcomes: Outcomes,
    own: Mapping[Place, ProbeOutcome],
) -> Iterator[bool]:
    """Yield whether anything listens at a place, for each answer that explains all that was seen there."""
    for listens in (False, True):
        at_home = possible(rejects=rejects, listens=listens, blocked=False)
        is_explained = own.get(place, ProbeOutcome.UNKNOWN) in {*at_home, *_SILENT}
        if is_explained and all(
            outcome in _SILENT
            or any(outcome in possible(rejects=rejects, listens=listens, blocked=each) for each in (False, True))
            for outcome in _at(place, outcomes)
        ):
            yield listens


def _at(place: Place, outcomes: Outcomes) -> Iterator[ProbeOutcome]:
    for check, seen in outcomes.items():
        yield from (outcome for host, outcome in zip(check.hosts, seen, strict=True) if (host, check.port) == place)


def _verdict(
    check: Check, outcomes: Outcomes, own: Mapping[Place, ProbeOutcome], kinds: Iterable[bool]
) -> CheckVerdict:
    blocked = [
        {
            blocked
            for rejects, blocked in product(kinds, (False, True))
            for listens in _listening(rejects, (host, check.port), outcomes, own)
            if outcome in possible(rejects=rejects, listens=listens, blocked=blocked)
        }
        for host, outcome in zip(check.hosts, outcomes[check], strict=True)
    ]
    seen = outcomes[check]
    if check.expected is Expectation.BLOCKED:
        if {False} in blocked:
            return CheckVerdict.VIOLATED
        if not seen or set(seen) & _SILENT:
            return CheckVerdict.NOT_RUN
        return CheckVerdict.UNDECIDED if {False, True} in blocked else CheckVerdict.HOLDS
    is_range = check.ports.first < check.ports.last
    if ProbeOutcome.CONNECTED in seen or (is_range and {False} in blocked):
        return CheckVerdict.HOLDS
    if set(seen) <= _SILENT:
        return CheckVerdict.NOT_RUN
    return CheckVerdict.UNDECIDED if is_range and {False, True} in blocked else CheckVerdict.VIOLATED
