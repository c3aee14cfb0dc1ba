"""Where a fault is put: into which run of the engine, at which write, what it is and for how long."""

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest

from lab.recording.fault import Fault, How, Span

KILLS = (How.KILL, How.KILL_BEFORE)
"""What ends the run, so that its stack is locked until somebody frees it."""

_LASTING = (How.SERVER_ERROR, How.THROTTLED, How.CONFLICT, How.EXPIRED, How.SILENT)
"""What may also go on until the run ends; the rest happens once, or lasts by its nature."""

_REPEATED = (*_LASTING, How.UNHEARD, *KILLS)
"""What may also meet each write of a run, and of the runs that finish it."""

_SPAN_NAMES = {Span.ONCE: "at {}", Span.ON: "at {} and on", Span.EACH: "at each"}


class Course(StrEnum):
    """A run of the engine, in the order in which one stack can go through them."""

    FIRST = "first deployment"
    CHANGE = "change"
    BACK = "change back"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Point:
    """One fault in one run."""

    course: Course
    fault: Fault

    def __str__(self) -> str:
        """Name it, such as ``change KILL at 12``: the same in every sweep."""
        return f"{self.course} {self.fault.how.name} {_SPAN_NAMES[self.fault.span].format(self.fault.at)}"


def points(
    writes: Mapping[Course, int], kinds: Iterable[How] = How, every: int = 1, spans: Iterable[Span] = Span
) -> list[Point]:
    """Return the points of a sweep, mixed so that any first part of them holds something of everything.

    Args:
        writes: How many writes a run makes without a fault.
        kinds: Which faults.
        every: Only each so manieth write.
        spans: Which spans of them.
    """
    chosen, wide = tuple(kinds), set(spans)
    mixed = []
    for course in Course:
        faults = [fault for fault in _faults(writes[course], chosen, every) if fault.span in wide]
        random.Random(course).shuffle(faults)  # noqa: S311 - an order, no secret
        mixed.append([Point(course, fault) for fault in faults])
    return [point for point in chain.from_iterable(zip_longest(*mixed)) if point]


def chosen_kinds() -> list[How]:
    """Return the faults that the variable FAULTS names, such as ``kill,gone``; all without it."""
    return [how for how in How if _is_chosen("FAULTS", how)]


def chosen_spans() -> list[Span]:
    """Return the spans that the variable SPANS names, such as ``once,each``; all without it."""
    return [span for span in Span if _is_chosen("SPANS", span)]


def _is_chosen(variable: str, value: How | Span) -> bool:
    wanted = os.environ.get(variable, "").upper().replace("-", "_").split(",")
    return wanted == [""] or value.name in wanted


def _faults(writes: int, kinds: tuple[How, ...], every: int) -> Iterator[Fault]:
    yield from (Fault(how, 1, Span.EACH) for how in kinds if how in _REPEATED)
    for at in range(1, writes + 1, every):
        for how in kinds:
            yield Fault(how, at)
            if how in _LASTING:
                yield Fault(how, at, Span.ON)
