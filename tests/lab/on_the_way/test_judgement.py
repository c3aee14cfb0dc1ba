"""What counts as lost, and what as opened, while a verb changes policies."""

import pytest

from lab.on_the_way.judgement import Expected, Row, judged
from lab.on_the_way.probe import Kept, Look, Run

PASSES = Expected(before=True, after=True, flips=())
STOPS = Expected(before=False, after=False, flips=())
CLOSES = Expected(before=True, after=False, flips=(10.0,))
OPENS = Expected(before=False, after=True, flips=(10.0,))
FREED = Expected(before=True, after=True, flips=(), freed=(10.0,))


def row(expected: Expected, text: str, kept: Kept | None = None) -> Row:
    """Return the row of one flow; each character is an attempt: ``+`` passes and ``-`` is stopped, from 9.9 s on."""
    runs: list[Run] = []
    for number, sign in enumerate(text):
        at, passed = 9.9 + number * 0.02, sign == "+"
        if runs and runs[-1].passed is passed:
            last = runs.pop()
            runs.append(Run(passed, last.count + 1, last.first, at, 0.02))
        else:
            runs.append(Run(passed, 1, at, at, 0.0))
    look = Look({1: tuple(runs)}, {1: kept} if kept else {}, (9.9, 9.92, 9.95))
    return judged("up", 1.0, look, {1: expected}, {1: "api => pay"})


@pytest.mark.parametrize(
    ("expected", "text", "lost", "opened"),
    [
        (PASSES, "++++++++++", 0, 0),
        (PASSES, "++++-+++++", 1, 0),
        (STOPS, "----------", 0, 0),
        (STOPS, "-----+----", 0, 1),
        (CLOSES, "++++++----", 0, 0),
        (CLOSES, "++++++-+--", 0, 1),
        (OPENS, "------++++", 0, 0),
        (OPENS, "------++-+", 1, 0),
        (FREED, "++++++-+++", 0, 0),
        (FREED, "++++++---+", 3, 0),
    ],
)
def test_a_flow_that_changes_does_so_once(expected: Expected, text: str, lost: int, opened: int) -> None:
    found = row(expected, text)

    assert (found.lost, found.opened) == (lost, opened)
    assert bool(found.wrong) is bool(lost or opened)


def test_a_flow_that_never_changes_although_it_must_is_wrong() -> None:
    assert row(CLOSES, "++++++++++").wrong == ("api => pay: still open at the end",)


def test_the_effect_is_counted_from_the_write_to_the_first_attempt_that_it_changed() -> None:
    assert row(CLOSES, "++++++----").effects == pytest.approx((0.02,))


def test_what_the_agent_stops_between_two_steps_is_counted_apart() -> None:
    assert row(FREED, "++++++-+++").agents_own == 1


@pytest.mark.parametrize(
    ("kept", "cut"),
    [
        (Kept(0.1, 0.05, "", answered=True), 0),
        (Kept(5.0, 5.0, "", answered=True), 1),
        (Kept(0.1, 0.05, "ECONNRESET", answered=True), 1),
    ],
)
def test_a_kept_connection_of_a_declared_flow_must_stand(kept: Kept, cut: int) -> None:
    assert row(PASSES, "++++", kept).cut == cut


def test_a_kept_connection_of_a_closed_flow_that_still_passes_is_a_survivor() -> None:
    assert row(CLOSES, "++++++----", Kept(0.1, 0.05, "", answered=True)).survivors == ("api => pay",)


def test_the_longest_gap_is_between_attempts_that_passed() -> None:
    assert row(PASSES, "++++-+++++").gap == pytest.approx(0.04)
