"""A run that breaks in the middle cuts and opens nothing, and the next run repairs it.

This is a sample: `tests.support.faults` tries every fault at every write. Each point is a run with its fault, the
recovery from the runbook, and the same run again.
"""

from collections.abc import Iterator

import pytest

from lab.recording.fault import Fault, How, Span
from lab.running.lab import Lab
from tests.support.faults.point import Course, Point
from tests.support.faults.stage import Stage

pytestmark = pytest.mark.engine

SAMPLE = (
    Point(Course.BACK, Fault(How.CONFLICT, 3)),
    Point(Course.CHANGE, Fault(How.THROTTLED, 5)),
    Point(Course.BACK, Fault(How.KILL_BEFORE, 6)),
    Point(Course.CHANGE, Fault(How.EXPIRED, 8)),
    Point(Course.BACK, Fault(How.SERVER_ERROR, 7, Span.ON)),
    Point(Course.DESTROY, Fault(How.UNHEARD, 45)),
    Point(Course.FIRST, Fault(How.KILL, 2)),
    Point(Course.CHANGE, Fault(How.RIVAL, 3)),
)
"""Each point starts where the one before it ends, the first one after the change: no run is necessary in between."""


@pytest.fixture(scope="module")
def stage(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Dev, after a first deployment and a change without a fault."""
    stage = Stage(lab, "dev", tmp_path_factory.mktemp("stage"))
    stage.rehearse((Course.FIRST, Course.CHANGE))
    yield stage
    stage.destroy()


@pytest.mark.parametrize("point", SAMPLE, ids=str)
def test_a_broken_run_cuts_and_opens_nothing_and_the_next_run_repairs_it(stage: Stage, point: Point) -> None:
    trial = stage.try_point(point)

    assert trial.hit
    assert trial.gaps == ()
    assert trial.trouble == ()
    assert trial.unlike == ()
    assert trial.orphans == ()
