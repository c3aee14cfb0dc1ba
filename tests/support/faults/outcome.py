"""Count the outcomes of a sweep's points."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lab.recording.fault import How

_CONVERGED, _NOT_REACHED = "converged", "not reached"
_LOST = {
    "gaps": "gap",
    "trouble": "not converged",
    "unlike": "differs",
    "orphans": "orphan",
}
"""The reasons that make a point lost, by the field of the trial that shows it, the worst first."""

_COLUMNS = (_CONVERGED, *_LOST.values(), _NOT_REACHED)


def lost(trial: Mapping[str, object]) -> str:
    """Return in one word why a point is lost; empty if it is not."""
    return next((word for part, word in _LOST.items() if trial[part]), "")


def table(trials: Sequence[Mapping[str, object]]) -> str:
    """Return a line for each kind of fault and a total: points, writes hit, converged, lost with reasons, not reached.

    A run with another order of writes, or with fewer, may not reach a write. Such a point shows nothing.
    """
    rows = [("fault", "tried", "writes hit", *_COLUMNS)]
    for kind in (*(how.name for how in How), "all"):
        those = [trial for trial in trials if kind in {trial["how"], "all"}]
        verdicts = Counter(map(_verdict, those))
        if those:
            hit = sum(int(str(trial["writes"])) for trial in those)
            rows.append((kind, *map(str, (len(those), hit, *(verdicts[word] for word in _COLUMNS)))))
    return "".join("  ".join(cell.rjust(13) for cell in row) + "\n" for row in rows)


def _verdict(trial: Mapping[str, object]) -> str:
    return lost(trial) or (_CONVERGED if trial["hit"] else _NOT_REACHED)
