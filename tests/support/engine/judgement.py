"""Count the runs of the engine whose writes were judged, for the summary of a test run."""

from tests.support.engine.intermediate_states import Gap, Run, Transition

_judged: list[Run] = []


def judged(transition: Transition, run: Run) -> list[Gap]:
    """Return the gaps after each write of a run, and count the run once."""
    if not any(run is each for each in _judged):
        _judged.append(run)
    return list(transition.gaps(run))


def judgement() -> str:
    """Return how many runs and writes were judged; empty for none."""
    writes = sum(len(run.writes) for run in _judged)
    return f"{len(_judged)} runs of the engine, {writes} writes judged" if _judged else ""
