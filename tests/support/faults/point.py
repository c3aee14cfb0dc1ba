"""The place of a fault: the run of the engine, the write, the kind and the duration."""

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest

from lab.recording.fault import Fault, How, Span

KILLS = (How.KILL, How.KILL_BEFORE)
"""The faults that end the run, so that its stack stays locked until somebody unlocks it."""

_LASTING = (How.SERVER_ERROR, How.THROTTLED, How.CONFLICT, How.EXPIRED, How.SILENT)
"""The faults that can also last until the run ends. The others happen once, or always last."""

_REPEATED = (*_LASTING, How.UNHEARD, *KILLS)
"""The faults that can also hit each write of a run and of the runs that finish it."""

_SPAN_NAMES = {Span.ONCE: "at {}", Span.ON: "at {} and on", Span.EACH: "at each"}


class Course(StrEnum):
    """The runs of the engine, in the order in which one stack can go through them."""

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
        """Return its name, such as ``change KILL at 12``, which is the same in every sweep."""
        return f"{self.course} {self.fault.how.name} {_SPAN_NAMES[self.fault.span].format(self.fault.at)}"


def points(
    writes: Mapping[Course, int], kinds: Iterable[How] = How, every: int = 1, spans: Iterable[Span] = Span
) -> list[Point]:
    """Return the points of a sweep, mixed so that every first part of them holds something of everything.

    Args:
        writes: The number of writes of each run without a fault.
        kinds: The kinds of faults.
        every: Only every n-th write.
        spans: Their spans.
    """
    chosen, wide = tuple(kinds), set(spans)
    mixed = []
    for course in Course:
        faults = [fault for fault in _faults(writes[course], chosen, every) if fault.span in wide]
        random.Random(course).shuffle(faults)  # noqa: S311 - a random order, not a secret
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
