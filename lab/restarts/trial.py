"""What became of declared connections during one event."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lab.on_the_way.probe import Look, Run
from lab.on_the_way.prober import PATIENCE_SECONDS
from lab.restarts.replicas import Replica
from lab.restarts.traffic import Flow

_ONE = 1.001  # the first attempt itself; times are not exact


@dataclass(frozen=True, slots=True)
class Happened:
    """One event, as it was seen.

    Attributes:
        until: The last moment in which a pod that ends must still do its work.
        begun: When the container of each new pod started.
        ready: When the cluster took it for ready.
        gone: The pods that ended.
        changed: The services whose pods are others now.
    """

    until: float
    begun: Mapping[Replica, float]
    ready: Mapping[Replica, float]
    gone: Sequence[Replica]
    changed: frozenset[str]


@dataclass(slots=True)
class Count:
    """Attempts of some flows.

    Attributes:
        tried: How many there were.
        lost: How many of them had no answer.
        seconds: Of a new pod: how long after the start of its container the last of its flows passed for good.
            Of a Service: the longest time between two attempts that passed.
    """

    tried: int = 0
    lost: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Trial:
    """What became of the flows.

    Attributes:
        staying: Those between ends that were there before; those of pods that end, until they end.
        kept: How many connections between ends that stay are kept open.
        cut: How many of them do not stand any more.
        called: Those to a Service whose pods changed, from pods that stay.
        to_pods: Those from new pods to pods.
        to_places: Those from new pods to everything else, DNS too.
        from_callers: Those from ends that stay to a new pod's own address.
        ready: How long after the start of its container the last new pod was ready.
        wrong: What never connected, was lost between ends that stay, or was cut, in words.
    """

    staying: Count = field(default_factory=Count)
    kept: int = 0
    cut: int = 0
    called: Count = field(default_factory=Count)
    to_pods: Count = field(default_factory=Count)
    to_places: Count = field(default_factory=Count)
    from_callers: Count = field(default_factory=Count)
    ready: float = 0.0
    wrong: list[str] = field(default_factory=list)


def judged(flows: Mapping[int, Flow], look: Look, happened: Happened, interval: float) -> Trial:
    """Return what became of flows during an event.

    Args:
        flows: All that were tried, by the prober's numbers.
        look: What the prober saw since the event began.
        happened: The event.
        interval: After how many seconds each was tried again.
    """
    trial = Trial()
    trial.ready = max((happened.ready[each] - at for each, at in happened.begun.items()), default=0.0)
    for number, flow in flows.items():
        runs = look.runs.get(number, ())
        if flow.has(happened.gone):
            _stays(trial, flow, list(_before(runs, happened.until)))
            continue
        if not runs or not runs[-1].passed:
            trial.wrong.append(f"{flow.name} never connects")
        if flow.has(happened.begun):
            _begins(trial, flow, runs, happened.begun, interval)
        elif flow.service in happened.changed:
            _add(trial.called, runs, _longest_between(runs))
        else:
            _stays(trial, flow, runs)
            if kept := look.kept.get(number):
                trial.kept += 1
                trial.cut += not kept.stands
                trial.wrong += [] if kept.stands else [f"{flow.name} is cut"]
    return trial


def _stays(trial: Trial, flow: Flow, runs: Sequence[Run]) -> None:
    _add(trial.staying, runs, _longest_between(runs))
    if any(not run.passed for run in runs):
        trial.wrong.append(f"{flow.name} is lost")


def _begins(trial: Trial, flow: Flow, runs: Sequence[Run], begun: Mapping[Replica, float], interval: float) -> None:
    start = max(begun[each] for each in (flow.source, flow.target) if each and each in begun)
    if flow.source not in begun:
        count = trial.from_callers
    elif flow.service or flow.target:
        count = trial.to_pods
    else:
        count = trial.to_places
    at_last = runs[-1].first - start if runs and runs[-1].passed else 0.0
    _add(count, list(_after(runs, start, interval)), at_last)


def _add(count: Count, runs: Iterable[Run], seconds: float) -> None:
    for run in runs:
        count.tried += run.count
        count.lost += 0 if run.passed else run.count
    count.seconds = max(count.seconds, seconds)


def _before(runs: Sequence[Run], moment: float) -> Iterator[Run]:
    """Yield the attempts that had an end before a moment."""
    yield from (run for run in runs if run.first < moment - PATIENCE_SECONDS)


def _after(runs: Sequence[Run], moment: float, interval: float) -> Iterator[Run]:
    """Yield the attempts from a moment on. Within a run they are as far apart as all are."""
    for run in runs:
        if run.last >= moment:
            count = min(run.count, int((run.last - moment) / interval + _ONE))
            yield Run(run.passed, count, max(run.first, moment), run.last, run.gap)


def _longest_between(runs: Sequence[Run]) -> float:
    passed = [run for run in runs if run.passed]
    between = [later.first - former.last for former, later in pairwise(passed)]
    return max([0.0, *between, *(run.gap for run in passed)])
