"""What one event costs under one firewall, of all its trials."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.node.enforcers.aws.agent import Mode
from lab.restarts.situation import Event, Standing
from lab.restarts.trial import Count, Trial

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Row:
    """Some trials of one event.

    Attributes:
        mode: What a new pod may do at first, under the agent of AWS.
        standing: The firewall.
        event: What happened.
        trials: What became of connections each time.
    """

    mode: Mode
    standing: Standing
    event: Event
    trials: tuple[Trial, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for a table: the sums of all trials, and the seconds of each, in order."""
        return {
            "restarts": self.event,
            "firewall": self.standing,
            "mode": self.mode,
            "trials": len(self.trials),
            "kept": sum(each.kept for each in self.trials),
            "cut": sum(each.cut for each in self.trials),
            "ready": _sorted([each.ready for each in self.trials]),
            "staying": self._counted(lambda trial: trial.staying),
            "called": self._counted(lambda trial: trial.called),
            "from_callers": self._counted(lambda trial: trial.from_callers),
            "to_pods": self._counted(lambda trial: trial.to_pods),
            "to_places": self._counted(lambda trial: trial.to_places),
            "wrong": [text for each in self.trials for text in each.wrong][:_SHOWN],
        }

    def _counted(self, choose: Callable[[Trial], Count]) -> dict[str, Any]:
        counts = [choose(each) for each in self.trials]
        return {
            "tried": sum(each.tried for each in counts),
            "lost": sum(each.lost for each in counts),
            "seconds": _sorted([each.seconds for each in counts]),
        }


def _sorted(values: list[float]) -> list[float]:
    return sorted(round(each, 2) for each in values)
