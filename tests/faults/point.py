"""Where a fault is put: into which run of the engine, at which write, what it is and for how long."""

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest

from lab.recording.fault import Fault, How

_LASTING = (How.SERVER_ERROR, How.THROTTLED, How.CONFLICT, How.EXPIRED, How.SILENT)
"""What may also go on until the run ends; the rest happens once, or lasts by its nature."""


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
        lasting = " and on" if self.fault.times is None else ""
        return f"{self.course} {self.fault.how.name} at {self.fault.at}{lasting}"


def points(writes: Mapping[Course, int], kinds: Iterable[How] = How, every: int = 1) -> list[Point]:
    """Return the points of a sweep, mixed so that any first part of them holds something of everything.

    Args:
        writes: How many writes a run makes without a fault.
        kinds: Which faults.
        every: Only each so manieth write.
    """
    chosen = tuple(kinds)
    mixed = []
    for course in Course:
        faults = list(_faults(writes[course], chosen, every))
        random.Random(course).shuffle(faults)  # noqa: S311 - an order, no secret
        mixed.append([Point(course, fault) for fault in faults])
    return [point for point in chain.from_iterable(zip_longest(*mixed)) if point]


def chosen_kinds() -> list[How]:
    """Return the faults that the variable FAULTS names, such as ``kill,gone``; all without it."""
    wanted = os.environ.get("FAULTS", "").upper().replace("-", "_").split(",")
    return [how for how in How if wanted == [""] or how.name in wanted]


def _faults(writes: int, kinds: tuple[How, ...], every: int) -> Iterator[Fault]:
    for at in range(1, writes + 1, every):
        for how in kinds:
            yield Fault(how, at)
            if how in _LASTING:
                yield Fault(how, at, None)
