"""Count the runs of the engine whose writes were judged, for the summary of a test run."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.support.engine.intermediate_states import Gap, Run, Transition

_judged: list["Run"] = []


class Count(NamedTuple):
    """How many runs, with how many writes, one process judged."""

    runs: int
    writes: int


def judged(transition: "Transition", run: "Run") -> list["Gap"]:
    """Return the gaps after each write of a run, and count the run once."""
    if not any(run is each for each in _judged):
        _judged.append(run)
    return list(transition.gaps(run))


def count() -> Count:
    """Return the count of this process."""
    return Count(len(_judged), sum(len(run.writes) for run in _judged))


def judgement(counts: Iterable[Count]) -> str:
    """Return how many runs and writes all processes judged, in words; empty for none."""
    runs, writes = (sum(each) for each in zip(Count(0, 0), *counts, strict=True))
    return f"{runs} runs of the engine, {writes} writes judged" if runs else ""
