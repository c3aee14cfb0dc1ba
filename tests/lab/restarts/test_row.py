"""The sums of several trials."""

from typing import Any

from lab.node.enforcers.aws.agent import Mode
from lab.restarts.row import Row
from lab.restarts.situation import Event, Standing
from lab.restarts.table import holds, words
from lab.restarts.trial import Count, Trial


def row_of(*trials: Trial) -> dict[str, Any]:
    return Row(Mode.STANDARD, Standing.PODS, Event.RESTART, trials).as_json()


def test_counts_of_all_trials_add_up_and_of_seconds_the_median_and_the_spread_are_shown() -> None:
    row = row_of(*(Trial(to_pods=Count(10, number, float(number))) for number in (1, 5, 2)))

    assert row["to_pods"] == {"tried": 30, "lost": 8, "seconds": [1.0, 2.0, 5.0]}
    assert "8/30 2.00 (1.00-5.00)" in next(words(row))


def test_a_row_does_not_hold_where_anything_between_ends_that_stay_was_lost_or_cut() -> None:
    assert holds(row_of(Trial(staying=Count(10), to_pods=Count(10, 3))))
    assert not holds(row_of(Trial(staying=Count(10, 1))))
    assert not holds(row_of(Trial(kept=3, cut=1)))
    assert not holds(row_of(Trial(wrong=["api => pay never connects"])))


def test_the_table_names_what_went_wrong() -> None:
    assert list(words(row_of(Trial(wrong=["api => pay never connects"]))))[1:] == ["  api => pay never connects"]
