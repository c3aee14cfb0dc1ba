"""A sweep tries every point once, in a mixed order, and reports each loss in a word."""

from collections import Counter

import pytest

from lab.recording.fault import How, Span
from tests.support.faults.outcome import lost, table
from tests.support.faults.point import Course, chosen_kinds, chosen_spans, points

WRITES = {Course.FIRST: 7, Course.CHANGE: 3, Course.BACK: 4, Course.DESTROY: 5}
CONVERGED: dict[str, object] = {
    "how": "KILL",
    "hit": "aws DeleteRole",
    "writes": 1,
    "gaps": [],
    "trouble": [],
    "unlike": [],
    "orphans": [],
}


def test_every_fault_is_tried_at_every_write_and_lasting_faults_also_last() -> None:
    names = Counter(map(str, points(WRITES)))

    assert set(names.values()) == {1}
    assert sum(names.values()) == sum(WRITES.values()) * (len(How) + 5) + len(WRITES) * 8
    assert {"change KILL at 3", "destroy THROTTLED at 5 and on", "change back UNHEARD at each"} <= set(names)


def test_the_first_points_cover_all_courses_and_several_kinds() -> None:
    first = points(WRITES)[:9]

    assert {point.course for point in first} == set(Course)
    assert len({point.fault.how for point in first}) > 3


def test_a_sweep_can_be_limited_to_kinds_and_to_some_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTS", "kill,kill-before")

    found = points(WRITES, chosen_kinds(), 4)

    assert {point.fault.how for point in found} == {How.KILL, How.KILL_BEFORE}
    assert {point.fault.at for point in found} == {1, 5}


def test_a_sweep_can_be_limited_to_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANS", "each")

    found = points(WRITES, spans=chosen_spans())

    assert {point.fault.span for point in found} == {Span.EACH}
    assert {point.course for point in found} == set(Course)


def test_without_a_limit_every_kind_and_span_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAULTS", raising=False)
    monkeypatch.delenv("SPANS", raising=False)

    assert chosen_kinds() == list(How)
    assert chosen_spans() == list(Span)


def test_the_worst_finding_of_a_point_is_reported() -> None:
    assert lost(CONVERGED) == ""
    assert lost({**CONVERGED, "orphans": ["role"]}) == "orphan"
    assert lost({**CONVERGED, "orphans": ["role"], "gaps": ["api to pay"]}) == "gap"


def test_the_table_counts_each_kind_and_all() -> None:
    other = {**CONVERGED, "how": "GONE", "unlike": ["+ group of api"]}
    missed = {**CONVERGED, "hit": "", "writes": 0}

    rows = [line.split() for line in table([CONVERGED, CONVERGED, other, missed]).splitlines()]

    assert rows[1:] == [
        ["KILL", "3", "2", "2", "0", "0", "0", "0", "1"],
        ["GONE", "1", "1", "0", "0", "0", "1", "0", "0"],
        ["all", "4", "3", "2", "0", "0", "1", "0", "1"],
    ]
