"""A run that is broken in the middle leaves nothing cut and nothing open, and one more makes it whole.

A sample: `tests.faults` tries every fault at every write. Each point is a run with its fault, the recovery that the
runbook gives, and the same run again.
"""

import pytest

from lab.recording.fault import Fault, How, Span
from lab.running.lab import Lab
from tests.support.faults.point import Course, Point
from tests.support.faults.stage import Stage

pytestmark = pytest.mark.engine

SAMPLE = (
    Point(Course.FIRST, Fault(How.KILL, 2)),
    Point(Course.CHANGE, Fault(How.THROTTLED, 5)),
    Point(Course.BACK, Fault(How.CONFLICT, 3)),
    Point(Course.CHANGE, Fault(How.EXPIRED, 8)),
    Point(Course.BACK, Fault(How.KILL_BEFORE, 6)),
    Point(Course.CHANGE, Fault(How.RIVAL, 3)),
    Point(Course.BACK, Fault(How.SERVER_ERROR, 7, Span.ON)),
    Point(Course.DESTROY, Fault(How.UNHEARD, 55)),
)
"""In the order of a stack's life, so that no run is needed between two of them."""


@pytest.fixture(scope="module")
def stage(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Dev, gone through once without a fault."""
    stage = Stage(lab, "dev", tmp_path_factory.mktemp("stage"))
    stage.rehearse()
    return stage


@pytest.mark.parametrize("point", SAMPLE, ids=str)
def test_a_broken_run_cuts_and_opens_nothing_and_one_more_makes_it_whole(stage: Stage, point: Point) -> None:
    trial = stage.try_point(point)

    assert trial.hit
    assert trial.gaps == ()
    assert trial.trouble == ()
    assert trial.unlike == ()
    assert trial.orphans == ()
