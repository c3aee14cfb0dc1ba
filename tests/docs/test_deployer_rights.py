"""The documented rights of the deployer fit into AWS's limit, and those in the cluster are the program's."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.compile.guard_rails.rights import CNI_KUBERNETES, DNS_KUBERNETES, Reach, rules
from flash_ticket.firewall.compile.guard_rails.role import rights_of
from flash_ticket.firewall.declare.sections.guard_rails import Duty
from lab.rights.policy import Policy
from tests.support.alerts.deployed_alerts import ALERTS
from tests.support.declared.accounts import ROOT, binding_content, environment_of

DOCS = ROOT / "docs"
FOLDER = DOCS / "deployer"
POLICIES = sorted(FOLDER.glob("*.json"))
LARGEST = 6144
"""Characters of a managed policy, without spaces (IAM User Guide, "IAM and AWS STS quotas")."""

ON_EVERYTHING = {"ReadNetwork", "ReadPrefixLists", "ReadEndpoints", "CreateKey", "DeliverToBucket", "InsightRules"}
"""Statements about all resources, because these actions have none; the first four have conditions."""


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_a_policy_fits_and_names_each_action_and_resource(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)

    assert len(json.dumps(document, separators=(",", ":"))) <= LARGEST
    assert Policy.read(text).actions
    assert {each["Sid"] for each in document["Statement"] if each["Resource"] == "*"} <= ON_EVERYTHING


@pytest.mark.parametrize("page", ["getting-started.md", "getting-started.ko.md"])
def test_the_page_names_each_file(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [path.name for path in FOLDER.iterdir() if f"(deployer/{path.name})" not in text] == []


def roles() -> dict[tuple[str, str], list[dict[str, Any]]]:
    documents = yaml.safe_load_all((FOLDER / "rbac.yaml").read_text(encoding="utf-8"))
    return {(each["kind"], each["metadata"]["name"]): each["rules"] for each in documents if "rules" in each}


def test_the_roles_grant_what_the_guard_rails_grant_to_a_deployer() -> None:
    alerts = {name: ALERTS[name] for name in ("runbook", "prometheus", "grafana")}
    granted = tuple(rights_of(Duty.DEPLOYER, environment_of("dev", binding_content("dev") | {"alerts": alerts})))
    documented = roles()

    assert documented["Role", "flash-firewall-deployer"] == rules(granted, Reach.NAMESPACE)
    assert documented["ClusterRole", "flash-firewall-deployer"] == rules(granted, Reach.CLUSTER)
    assert documented["Role", "flash-firewall-system-reader"] == rules(
        (*DNS_KUBERNETES, *CNI_KUBERNETES), Reach.NAMESPACE
    )


def test_the_readers_of_a_deployer_only_read() -> None:
    readers = [each for (_, name), found in roles().items() if name.endswith("-reader") for each in found]

    assert {verb for each in readers for verb in each["verbs"]} <= {"get", "list"}
