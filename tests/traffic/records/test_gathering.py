"""Lines are summed up by kind, within the wanted period, and never across a moment."""

from bisect import bisect_right
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.traffic.records.gathering import Gathering
from flash_ticket.traffic.records.record import Disposition, End, Evidence, Reading, Record, Scope

TIMES = st.integers(0, 20)
LINES = st.lists(st.tuples(st.sampled_from("abc"), TIMES))
SCOPES = st.builds(
    Scope,
    since=st.none() | TIMES,
    until=st.none() | TIMES,
    moments=st.lists(TIMES, max_size=3, unique=True).map(lambda moments: tuple(sorted(moments))),
)


def record(kind: str) -> Record:
    ends = End(kind), End("10.0.0.9")
    return Record(Evidence.HUBBLE, Disposition.PASSED, *ends, 6, 3100, None, "", "", count=1, first=0, last=0)


def gathered(lines: list[tuple[str, int]], scope: Scope, most: int) -> tuple[list[Record], Reading]:
    reading = Reading()
    gathering: Gathering[str] = Gathering(scope, reading, most)
    found: list[Record] = []
    for kind, time in lines:
        if not gathering.add(kind, time):
            gathering.begin(kind, time, record(kind))
        if gathering.is_full:
            found += gathering.release()
    return [*found, *gathering.release()], reading


def wanted(time: float, scope: Scope) -> bool:
    return (scope.since is None or time >= scope.since) and (scope.until is None or time < scope.until)


@given(LINES, SCOPES, st.integers(0, 3))
def test_every_line_within_the_period_is_counted_once_on_its_side_of_each_moment(
    lines: list[tuple[str, int]], scope: Scope, most: int
) -> None:
    records, reading = gathered(lines, scope, most)

    expected = Counter((kind, bisect_right(scope.moments, time)) for kind, time in lines if wanted(time, scope))
    found: Counter[tuple[str, int]] = Counter()
    for each in records:
        side = bisect_right(scope.moments, each.first)
        assert side == bisect_right(scope.moments, each.last)
        found[each.source.address, side] += each.count
    assert found == expected
    assert reading.recorded == expected.total()


@given(LINES)
def test_the_first_and_the_last_time_of_each_kind_are_kept(lines: list[tuple[str, int]]) -> None:
    records, _ = gathered(lines, Scope(), 3)

    times = {kind: [time for other, time in lines if other == kind] for kind, _ in lines}
    assert {each.source.address: (each.first, each.last) for each in records} == {
        kind: (min(found), max(found)) for kind, found in times.items()
    }


def test_the_number_of_held_kinds_is_limited() -> None:
    gathering: Gathering[int] = Gathering(Scope(), Reading(), 10)
    held = []
    for kind in range(100):
        gathering.begin(kind, 1.0, record("a"))
        held.append(gathering.is_full)
        if gathering.is_full:
            assert len(list(gathering.release())) == 11

    assert held.count(True) == 9
