"""No intermediate state cuts what is declared before and after, or opens what is declared in neither."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.intermediate_states import Run, Transition
from tests.support.engine.judgement import judged
from tests.support.engine.life import CHANGES, NAMESPACE, REPOSITORY, changed_matrix

pytestmark = pytest.mark.engine

Runs = dict[str, tuple[Transition, Run]]


@pytest.fixture(scope="module", params=["dev", "prod"])
def runs(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A first deployment, a change of everything, and its removal."""
    stack, folder = request.param, tmp_path_factory.mktemp("runs")
    surveyor = Surveyor.of(lab, stack)
    shop = copy_program(REPOSITORY, folder / "shop")
    changed = copy_program(REPOSITORY, folder / "changed", changed_matrix(*CHANGES))
    declared = {None: None, shop: surveyor.declared(shop), changed: surveyor.declared(changed)}

    def run(before: Path | None, after: Path | None) -> tuple[Transition, Run]:
        with recorded(lab, stack, NAMESPACE) as recording:
            engine = Engine(lab, stack, after or before or shop, recording.variables)
            (engine.up() if after else engine.destroy()).checked()
            journal = recording.journal
            return Transition(declared[before], declared[after]), Run(journal.before, journal.writes)

    return {
        "first deployment": run(None, shop),
        "change": run(shop, changed),
        "change back": run(changed, shop),
        "destroy": run(shop, None),
    }


RUNS = ("first deployment", "change", "change back", "destroy")


@pytest.mark.parametrize("name", RUNS)
def test_no_write_cuts_or_opens_anything_wrongly(runs: Runs, name: str) -> None:
    transition, run = runs[name]

    assert run.writes
    assert judged(transition, run) == []


def test_a_policy_missing_for_one_write_counts_as_a_cut(runs: Runs) -> None:
    transition, run = runs["change"]
    write = run.writes[-1]
    left = tuple(policy for policy in write.standing.policies if policy["metadata"]["name"] != "04-allow-egress-api")
    broken = Run(run.before, [replace(write, standing=replace(write.standing, policies=left))])

    assert ("api", "pay") in {gap.pair for gap in transition.gaps(broken) if gap.claim.endswith("cut")}


def test_a_policy_that_opens_more_for_one_write_counts_as_an_opening(runs: Runs) -> None:
    transition, run = runs["first deployment"]
    write = run.writes[-1]
    wide = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "wide", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": "flash-gateway"}}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    standing = replace(write.standing, policies=(*write.standing.policies, wide))
    broken = Run(run.before, [replace(write, standing=standing)])

    assert ("gateway", "the internet") in {gap.pair for gap in transition.gaps(broken) if gap.claim.endswith("open")}
