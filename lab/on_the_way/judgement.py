"""The attempts during one verb, compared with what the policies before and after it say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from lab.on_the_way.probe import Look, Run

_SHOWN = 12
_IN_BETWEEN, _AGENT_SECONDS = 2, 5.0


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected result of one flow during a verb.

    Attributes:
        before: Whether it passes when the verb begins.
        after: Whether it passes when the verb has ended.
        flips: When a write changed the answer.
        freed: When a write took the last policy of one of its ends, under the agent of AWS.
    """

    before: bool
    after: bool
    flips: tuple[float, ...]
    freed: tuple[float, ...] = ()

    def is_agents_own(self, run: Run) -> bool:
        """Return whether attempts were stopped because the agent of AWS takes a pod's last policy away in two steps.

        It first empties the pod's rules, then it says that none are in force. In between it stops everything, for
        about a millisecond if it has a processor: pkg/controllers, updateeBPFMaps of version 1.4.3.
        """
        return run.count <= _IN_BETWEEN and any(-1.0 < run.first - freed < _AGENT_SECONDS for freed in self.freed)


@dataclass(frozen=True, slots=True)
class Row:
    """One verb.

    Attributes:
        verb: Its name.
        seconds: How long it took.
        declared: How many attempts had to pass.
        lost: How many of them did not.
        agents_own: How many more did not because of the agent's own gap, see `Expected.is_agents_own`.
        gap: The longest time between two attempts of a declared flow that passed.
        undeclared: How many attempts had to be stopped.
        opened: How many of them passed.
        changed: How many flows the verb opened or closed.
        effects: The time from a write to the first attempt that it changed, for each such flow.
        kept: How many kept connections are of declared flows.
        cut: How many of them ended.
        silence: The longest time without an answer on those that did not.
        survivors: The flows whose kept connection still passes although no new one does.
        interval: The median and the longest time between two rounds of attempts.
        wrong: What was lost or opened, in words.
    """

    verb: str
    seconds: float
    declared: int
    lost: int
    agents_own: int
    gap: float
    undeclared: int
    opened: int
    changed: int
    effects: tuple[float, ...]
    kept: int
    cut: int
    silence: float
    survivors: tuple[str, ...]
    interval: tuple[float, float]
    wrong: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for a table."""
        return {
            "verb": self.verb,
            "seconds": round(self.seconds, 1),
            "declared": self.declared,
            "lost": self.lost,
            "agents_own": self.agents_own,
            "gap": round(self.gap, 3),
            "undeclared": self.undeclared,
            "opened": self.opened,
            "changed": self.changed,
            "effect": [round(median(self.effects), 3), round(max(self.effects), 3)] if self.effects else [],
            "kept": self.kept,
            "cut": self.cut,
            "silence": round(self.silence, 3),
            "survivors": list(self.survivors),
            "interval": [round(each, 3) for each in self.interval],
            "wrong": list(self.wrong[:_SHOWN]),
        }


@dataclass(slots=True)
class _Count:
    declared: int = 0
    lost: int = 0
    agents_own: int = 0
    gap: float = 0.0
    undeclared: int = 0
    opened: int = 0

    def passing(self, runs: Sequence[Run], wanted: Expected) -> bool:
        """Count attempts that have to pass; return whether they do."""
        stopped = [run for run in runs if not run.passed]
        own = [run for run in stopped if wanted.is_agents_own(run)]
        lost = sum(run.count for run in stopped) - sum(run.count for run in own)
        self.declared += sum(run.count for run in runs)
        self.agents_own += sum(run.count for run in own)
        self.lost += lost
        passed = [run for run in runs if run.passed]
        between = [later.first - former.last for former, later in pairwise(passed)]
        self.gap = max([self.gap, *between, *(run.gap for run in passed)])
        return lost == 0

    def stopped(self, runs: Sequence[Run]) -> bool:
        """Count attempts that have to be stopped; return whether they are."""
        opened = sum(run.count for run in runs if run.passed)
        self.undeclared += sum(run.count for run in runs)
        self.opened += opened
        return opened == 0


def judged(verb: str, seconds: float, look: Look, expected: Mapping[int, Expected], names: Mapping[int, str]) -> Row:
    """Return the row of one verb.

    A flow that the verb opens or closes changes once: what comes before the change is as before the verb, what comes
    after it is as after the verb.

    Args:
        verb: Its name.
        seconds: How long it took.
        look: What happened.
        expected: For each flow.
        names: Of the flows.
    """
    count, effects, wrong = _Count(), [], []
    for number, wanted in expected.items():
        runs = look.runs[number]
        change = next((index for index, run in enumerate(runs) if run.passed is not wanted.before), len(runs))
        if wanted.before is wanted.after:
            change = len(runs)
        elif change == len(runs):
            wrong.append(f"{names[number]}: still {'open' if wanted.before else 'closed'} at the end")
        elif wanted.flips:
            effects.append(runs[change].first - wanted.flips[-1])
        for part, passes in ((runs[:change], wanted.before), (runs[change:], wanted.after)):
            if not (count.passing(part, wanted) if passes else count.stopped(part)):
                wrong.append(f"{names[number]}: {_times(part, wanted)}")
    alive = {number for number, kept in look.kept.items() if kept.stands}
    of_declared = [number for number in look.kept if expected[number].before and expected[number].after]
    wrong += [f"{names[number]}: the kept connection is cut" for number in of_declared if number not in alive]
    return Row(
        verb,
        seconds,
        count.declared,
        count.lost,
        count.agents_own,
        count.gap,
        count.undeclared,
        count.opened,
        sum(each.before is not each.after for each in expected.values()),
        tuple(effects),
        len(of_declared),
        len(set(of_declared) - alive),
        max((look.kept[number].silence for number in of_declared if number in alive), default=0.0),
        tuple(names[number] for number in sorted(alive) if not expected[number].after),
        look.intervals,
        tuple(wrong),
    )


def _times(runs: Sequence[Run], wanted: Expected) -> str:
    start = wanted.flips[0] if wanted.flips else runs[0].first
    parts = [f"{run.count} {'passed' if run.passed else 'stopped'} at {run.first - start:+.3f} s" for run in runs[:6]]
    return ", ".join(parts)
