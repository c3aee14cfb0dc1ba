"""A run that is broken in the middle leaves nothing cut and nothing open, and one more makes it whole.

A sample: `tests.faults` tries every fault at every write. Each point is a run with its fault, the recovery that the
runbook gives, and the same run again.
"""

import pytest

from lab.environment import Lab
from lab.recording.fault import Fault, How
from tests.faults.point import Course, Point
from tests.faults.stage import Stage, Trial

pytestmark = pytest.mark.engine

SAMPLE = (
    Point(Course.FIRST, Fault(How.KILL, 3)),
    Point(Course.CHANGE, Fault(How.KILL, 7)),
    Point(Course.DESTROY, Fault(How.UNHEARD, 67)),
    Point(Course.FIRST, Fault(How.SILENT, 55)),
    Point(Course.CHANGE, Fault(How.SERVER_ERROR, 7, None)),
    Point(Course.DESTROY, Fault(How.SERVER_ERROR, 13, None)),
)

NAMES = tuple(map(str, SAMPLE))

Tried = dict[str, Trial]


@pytest.fixture(scope="module")
def stage(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Dev, gone through once without a fault."""
    stage = Stage(lab, "dev", tmp_path_factory.mktemp("stage"))
    stage.rehearse()
    return stage


@pytest.fixture(scope="module")
def tried(stage: Stage) -> Tried:
    """What became of each point."""
    return {str(point): stage.try_point(point) for point in SAMPLE}


@pytest.mark.parametrize("point", NAMES)
def test_no_state_on_the_way_cuts_or_opens_what_it_should_not(tried: Tried, point: str) -> None:
    assert tried[point].hit
    assert tried[point].gaps == ()


@pytest.mark.parametrize("point", NAMES)
def test_the_recovery_and_one_more_run_converge_to_what_stands_without_a_fault(tried: Tried, point: str) -> None:
    assert tried[point].trouble == ()
    assert tried[point].unlike == ()
