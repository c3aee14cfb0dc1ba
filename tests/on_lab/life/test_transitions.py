"""Every kind of change, deployed to dev and prod: no write on the way cuts or opens anything wrongly."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.support.engine.apis import NAMESPACE
from tests.support.engine.chain import Deployed
from tests.support.engine.declarations import CHANGED, DESTROY, FIRST, LAST, PART, RANDOM_DECLARATIONS, STEPS
from tests.support.engine.intermediate_states import Run
from tests.support.engine.life import Life

pytestmark = pytest.mark.engine

CHANGES = (PART, CHANGED, *STEPS, LAST)


@pytest.fixture
def runs(life: Life) -> Mapping[str, Deployed]:
    """Every deployment of a stack, with a record of every write; dev has random declarations."""
    return life.runs


@pytest.mark.parametrize("name", [FIRST, *CHANGES, DESTROY])
def test_no_write_cuts_or_opens_anything_wrongly(runs: Mapping[str, Deployed], name: str) -> None:
    deployed = runs[name]

    assert deployed.run.writes
    assert deployed.gaps == []


@pytest.mark.parametrize("name", CHANGES)
def test_no_change_warns_of_an_interruption(runs: Mapping[str, Deployed], name: str) -> None:
    assert runs[name].warnings == []


def test_every_write_is_recorded_with_the_state_after_it(runs: Mapping[str, Deployed]) -> None:
    up, destroy = runs[FIRST].run, runs[DESTROY].run
    policies = [len(write.standing.policies) for write in up.writes]
    actions = [write.action for write in (*up.writes, *destroy.writes)]

    assert up.before.is_first
    assert (max(policies), policies[-1], len(destroy.writes[-1].standing.policies)) == (7, 7, 0)
    for run in (up, destroy):
        assert [write.number for write in run.writes] == list(range(1, len(run.writes) + 1))
        assert {write.api for write in run.writes} == {"aws", "kubernetes"}
    assert {"AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "CreateFlowLogs"} <= set(actions)
    assert "DELETE networkpolicies/00-default-deny" in actions
    assert not [action for action in actions if action.startswith(("Describe", "GET "))]


def test_a_policy_missing_for_one_write_counts_as_a_cut(runs: Mapping[str, Deployed]) -> None:
    deployed = runs[CHANGED]
    write = deployed.run.writes[-1]
    left = tuple(policy for policy in write.standing.policies if policy["metadata"]["name"] != "04-allow-egress-api")
    broken = Run(deployed.run.before, [replace(write, standing=replace(write.standing, policies=left))])

    assert ("api", "pay") in {gap.pair for gap in deployed.transition.gaps(broken) if gap.claim.endswith("cut")}


def test_a_policy_that_opens_more_for_one_write_counts_as_an_opening(runs: Mapping[str, Deployed]) -> None:
    deployed = runs[FIRST]
    write = deployed.run.writes[-1]
    wide = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "wide", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": "flash-gateway"}}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    standing = replace(write.standing, policies=(*write.standing.policies, wide))
    broken = Run(deployed.run.before, [replace(write, standing=standing)])

    assert ("gateway", "the internet") in {
        gap.pair for gap in deployed.transition.gaps(broken) if gap.claim.endswith("open")
    }


@pytest.mark.parametrize(("life", "seed"), [("dev", seed) for seed in range(RANDOM_DECLARATIONS)], indirect=["life"])
def test_a_change_between_random_declarations_cuts_and_opens_nothing_wrongly(life: Life, seed: int) -> None:
    deployed = life.runs[str(seed)]

    assert deployed.run.writes
    assert deployed.gaps == []
    assert deployed.warnings == []
