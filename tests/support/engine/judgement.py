"""The runs of the engine whose every write was judged, counted for whoever reads the end of a test run."""

from tests.support.engine.intermediate_states import Gap, Run, Transition

_judged: list[Run] = []


def judged(transition: Transition, run: Run) -> list[Gap]:
    """Return what does not hold after some write of a run, and count the run once."""
    if not any(run is each for each in _judged):
        _judged.append(run)
    return list(transition.gaps(run))


def judgement() -> str:
    """Say how many runs and writes were judged; empty for none."""
    writes = sum(len(run.writes) for run in _judged)
    return f"{len(_judged)} runs of the engine, {writes} writes judged" if _judged else ""
