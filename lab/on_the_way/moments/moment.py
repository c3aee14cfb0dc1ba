"""What is measured of every enforcer: a new pod, a first policy, connections that stand; and what attempts say."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lab.on_the_way.moments.stage import CLOSED_PORT, Pod, Stage
from lab.on_the_way.probe import Look, Run
from lab.packets.connections import QUESTION

ALL: list[dict[str, Any]] = [{}]
"""The rules of a direction that is open."""

NONE: list[dict[str, Any]] = []
"""The rules of a direction that is closed."""

CLOSED = "closed"
"""The role of pods that may neither connect nor be reached."""

WATCHED_SECONDS = 4.0
STANDS_SECONDS = 3.0
_NEVER = 99.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that was measured.

    Attributes:
        what: In words.
        unit: Of the values: seconds, or a count.
        values: One of each trial.
    """

    what: str
    unit: str
    values: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for a table."""
        ordered = sorted(self.values)
        return {
            "moment": self.what,
            "unit": self.unit,
            "trials": len(ordered),
            "median": round(median(ordered), 3) if ordered else None,
            "least": round(ordered[0], 3) if ordered else None,
            "most": round(ordered[-1], 3) if ordered else None,
        }


@dataclass(frozen=True, slots=True)
class NewPod:
    """A new pod, from the start of its container on; before it, no program is there that connects or listens.

    Attributes:
        outward: For how long connections from it pass.
        inward: For how long connections to it pass.
        first: When the first connection from it passes.
        stood: Whether one that was opened before its policies were known stands; None if none was opened.
    """

    outward: float
    inward: float
    first: float
    stood: float | None


def of_new(name: str, found: Sequence[NewPod]) -> Iterator[Moment]:
    """Yield what trials say of a new pod with policies that stand before it comes."""
    yield Moment(f"{name}: denied connections from it pass for", "s", tuple(each.outward for each in found))
    yield Moment(f"{name}: denied connections to it pass for", "s", tuple(each.inward for each in found))
    stood = tuple(each.stood for each in found if each.stood is not None)
    if stood:
        yield Moment(f"{name}: a connection opened before its policies were known stands", "count", stood)


def answers(opened: socket.socket) -> bool:
    """Return whether a datagram comes back."""
    opened.send(QUESTION)
    try:
        return bool(opened.recv(512))
    except OSError:
        return False


def last(runs: Sequence[Run], otherwise: float) -> float:
    """Return when the last attempt passed."""
    return max((run.last for run in runs if run.passed), default=otherwise)


def stopped(runs: Sequence[Run]) -> int:
    """Return how many attempts were stopped."""
    return sum(run.count for run in runs if not run.passed)


def change(look: Look, number: int, written: float) -> float:
    """Return after how long the first attempt was stopped."""
    return next((run.first for run in look.runs[number] if not run.passed), written + _NEVER) - written


def new_pod(stage: Stage, helper: Pod, role: str, owner: str = "") -> NewPod:
    """Start a pod of a role, and return what came of connections between it and a helper that everything may reach.

    Args:
        stage: Where.
        helper: Another pod.
        role: How policies that exist already select the pod; with `CLOSED`, no connection may pass.
        owner: Of the pod, if it is not the only one of its owner.
    """
    pod = stage.pod(role, owner)
    with stage.tried(pod.to(helper), helper.to(pod)) as (outward, inward):
        if role == CLOSED:
            stage.probe.keep([outward])
        started = pod.started()
        time.sleep(WATCHED_SECONDS)
        look = stage.probe.look()
    stage.remove(pod)
    kept = look.kept.get(outward)
    passed = [run for run in look.runs[outward] if run.passed and run.last > started]
    return NewPod(
        max(0.0, last(look.runs[outward], started) - started),
        max(0.0, last(look.runs[inward], started) - started),
        max(0.0, passed[0].first - started) if passed else WATCHED_SECONDS,
        float(kept.stands) if kept and kept.answered else None,
    )


def first_policy(stage: Stage, helper: Pod) -> tuple[float, float]:
    """Return how long after its first policy a running pod is closed, and for how long what is allowed is stopped."""
    pod = stage.pod("running")
    stage.wait(pod)
    time.sleep(1.0)
    with stage.tried(pod.to(helper), pod.to(helper, CLOSED_PORT)) as (allowed, closed):
        time.sleep(0.5)
        written = stage.put("running", "running", egress=[{"ports": [{"port": 4000}]}])
        time.sleep(2 * WATCHED_SECONDS)
        look = stage.probe.look()
    stage.drop("running")
    stage.remove(pod)
    closed_for = sum(run.last - run.first for run in look.runs[allowed] if not run.passed)
    return change(look, closed, written), closed_for


def after_first(stage: Stage) -> tuple[float, float]:
    """Return whether a connection stands after the first policy, and after a second one of the other direction."""
    server, first, second = stage.pod("server"), stage.pod("first"), stage.pod("second")
    stage.wait(server, first, second)
    time.sleep(1.0)
    with stage.tried(first.to(server), second.to(server), interval=0.02) as numbers:
        stage.probe.keep(numbers)
        time.sleep(1.0)
        stage.put("first", "first", egress=NONE)
        stage.put("second-1", "second", ingress=NONE)
        time.sleep(STANDS_SECONDS)
        stage.put("second-2", "second", egress=NONE)
        time.sleep(STANDS_SECONDS)
        look = stage.probe.look()
        result = tuple(float(look.kept[number].stands) for number in numbers)
    stage.drop("first", "second-1", "second-2")
    stage.remove(server, first, second)
    return result[0], result[1]
