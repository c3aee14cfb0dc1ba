"""A policy for domain names in the cluster: nothing is found if it is as declared, and every change of it is found."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.project import read_project
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.verification import verify
from tests.support.verify.standing import standing

EXAMPLE = Path(__file__).parents[2] / "examples/payment-by-domain"
FIREWALL = read_project(EXAMPLE, "prod", datetime.now(UTC))
NAME = "allow-egress-payer-domains"


def seen(change: Any) -> Observed:  # noqa: ANN401 - a function on a manifest
    """Return what a verification observes after a change of the policy for domain names."""
    observed = standing(FIREWALL)
    policies = deepcopy(observed.deployed.policies)
    change(next(each for each in policies if each["metadata"]["name"] == NAME))
    inventory = replace(observed.inventory, deployed=replace(observed.deployed, policies=policies))
    return replace(observed, inventory=inventory)


def found(observed: Observed) -> list[tuple[FindingKind, str]]:
    return [(each.kind, each.where) for each in verify(FIREWALL, observed).findings if NAME in each.where]


def test_nothing_is_found_as_declared() -> None:
    assert found(seen(dict.copy)) == []
    assert not impact(standing(FIREWALL).deployed, FIREWALL.layers()).difference


@pytest.mark.parametrize("names", [["evil.example"], ["*.*.example"]], ids=["a name", "what nobody can judge"])
def test_a_changed_policy_is_found(names: list[str]) -> None:
    def open_more(policy: dict[str, Any]) -> None:
        policy["spec"]["egress"][0]["to"][0]["domainNames"] += names

    assert found(seen(open_more)) == [(FindingKind.CHANGED, f"ApplicationNetworkPolicy checkout/{NAME}")]
