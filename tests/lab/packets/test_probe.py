"""What counts as a false finding of the probe, where the lab knows what is wrong."""

import pytest

from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.verify.probe.check import Check, Expectation, TriedCheck
from flash_ticket.verify.probe.judgement import Enforcer, Meaning, Seen
from flash_ticket.verify.probe.plan import ProbePlan
from flash_ticket.verify.probe.result import Probe
from flash_ticket.verify.probe.script import ProbeOutcome
from lab.packets.probe import Probed

CONNECTS, BLOCKED = Expectation.CONNECTS, Expectation.BLOCKED
OUTCOMES = {Meaning.OPEN: ProbeOutcome.CONNECTED, Meaning.DROPPED: ProbeOutcome.TIMED_OUT}


def is_false(expected: Expectation, meaning: Meaning, silent: str = "") -> bool:
    check = Check("api", "pay", tcp(3100), 3100, expected, ("10.0.0.1",))
    seen = Seen("10.0.0.1", OUTCOMES.get(meaning, ProbeOutcome.REFUSED), meaning, "")
    tries = ProbePlan("shop", frozenset({"api", "pay"}), (), (check,), (), Enforcer.DROPS, frozenset())
    return bool(Probed(Probe(tries, Enforcer.DROPS, (TriedCheck(check, (seen,)),)), silent).false)


@pytest.mark.parametrize(
    ("expected", "meaning"),
    [(CONNECTS, Meaning.OPEN), (BLOCKED, Meaning.DROPPED), (BLOCKED, Meaning.REJECTED), (BLOCKED, Meaning.UNTOLD)],
)
def test_what_holds_where_everything_listens_is_right(expected: Expectation, meaning: Meaning) -> None:
    assert not is_false(expected, meaning)


@pytest.mark.parametrize(
    ("expected", "meaning"),
    [(CONNECTS, Meaning.REJECTED), (CONNECTS, Meaning.UNTOLD), (BLOCKED, Meaning.ARRIVES), (BLOCKED, Meaning.ABSENT)],
)
def test_a_finding_where_everything_listens_is_false(expected: Expectation, meaning: Meaning) -> None:
    assert is_false(expected, meaning)


@pytest.mark.parametrize(
    ("expected", "meaning", "false"),
    [
        (CONNECTS, Meaning.ARRIVES, False),
        (CONNECTS, Meaning.ABSENT, False),
        (CONNECTS, Meaning.REJECTED, True),
        (CONNECTS, Meaning.DROPPED, True),
        (BLOCKED, Meaning.ABSENT, False),
        (BLOCKED, Meaning.DROPPED, False),
        (BLOCKED, Meaning.ARRIVES, True),
    ],
)
def test_an_absent_listener_must_not_be_taken_for_a_firewall(
    expected: Expectation, meaning: Meaning, *, false: bool
) -> None:
    assert is_false(expected, meaning, "pay") is false
