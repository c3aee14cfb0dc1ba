"""The recording sees every write of an engine run in order, and can inject a fault at any write."""

from pathlib import Path

import pytest

from lab.recording.fault import Fault
from lab.recording.journal import Journal
from lab.recording.recording import recorded
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import NAMESPACE, REPOSITORY

pytestmark = pytest.mark.engine


def run(lab: Lab, folder: Path, fault: Fault | None = None) -> tuple[Journal, Result, Result]:
    """Return the writes of an update and a destroy of dev, with a fault at the first write."""
    program = copy_program(REPOSITORY, folder / "program")
    with recorded(lab, "dev", NAMESPACE, fault) as recording:
        engine = Engine(lab, "dev", program, recording.variables)
        up = engine.up()
        recording.journal.fault = None
        return recording.journal, up, engine.destroy().checked()


def test_every_write_is_recorded_with_the_state_after_it(lab: Lab, tmp_path: Path) -> None:
    journal, up, _ = run(lab, tmp_path)

    up.checked()
    assert journal.before.is_first
    policies = [len(write.standing.policies) for write in journal.writes]
    assert max(policies) == 7
    assert policies[-1] == 0
    assert [write.number for write in journal.writes] == list(range(1, len(journal.writes) + 1))
    assert {write.api for write in journal.writes} == {"aws", "kubernetes"}
    actions = {write.action for write in journal.writes}
    assert {"AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "CreateFlowLogs"} <= actions
    assert "DELETE networkpolicies/00-default-deny" in actions
    assert not [action for action in actions if action.startswith(("Describe", "GET "))]
