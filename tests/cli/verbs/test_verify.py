"""``verify`` of saved inventories: its exit status, its output, when it is quiet, and every wrong input."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import Result

from flash_ticket.firewall.change.overruling import OtherPolicy
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.declared.accounts import ROOT
from tests.support.declared.json_values import Path as Place
from tests.support.declared.json_values import paths, put
from tests.support.verify.standing import shop, standing, with_deployed, without

UNSEEN = (
    "rules that others put in the stack's groups",
    "the flow log and its destination",
    "policies of other APIs",
    "what a broken deployment left behind",
)


def saved(folder: Path, inventory: Inventory) -> Path:
    path = folder / "inventory.json"
    path.write_text(inventory_json(inventory), encoding="utf-8")
    return path


@pytest.fixture
def as_declared(tmp_path: Path) -> Path:
    return saved(tmp_path, standing(shop()).inventory)


@pytest.fixture
def drifted(tmp_path: Path) -> Path:
    """Remove the policy that lets api out."""
    before = standing(shop())
    policies = without(before.deployed.policies, "04-allow-egress-api")
    return saved(tmp_path, with_deployed(before, policies=policies).inventory)


def ask(inventory: Path, *arguments: str, stack: str = "dev", project: Path = ROOT) -> Result:
    return run("verify", "--inventory", inventory, "--stack", stack, "--project", project, *arguments)


def test_no_difference_exits_0_and_lists_what_was_not_checked(as_declared: Path) -> None:
    result = ask(as_declared)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "dev: as declared. Looked at: NetworkPolicies 7, SecurityGroupPolicies 3, security groups 5, rules 31, pods 3.",
        f"Not looked at: {', '.join(UNSEEN)}.",
    ]


def test_a_difference_exits_1_and_names_the_remedy(drifted: Path) -> None:
    result = ask(drifted)

    assert result.exit_code == 1
    assert "MISSING  NetworkPolicy flash-ticket/04-allow-egress-api" in result.stdout
    assert "  remedy: pulumi up --stack dev --refresh" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["txt", "json"])
def test_quiet_prints_nothing_unless_something_differs(as_declared: Path, tmp_path: Path, form: str) -> None:
    quiet = ask(as_declared, "--quiet", "--output", form)
    before = standing(shop())
    loud = saved(tmp_path, with_deployed(before, policies=()).inventory)

    assert (quiet.exit_code, quiet.output) == (0, "")
    assert ask(loud, "--quiet", "--output", form).stdout == ask(loud, "--output", form).stdout != ""


def test_json_is_one_document(drifted: Path) -> None:
    document = json.loads(ask(drifted, "--output", "json").stdout)

    assert not document["holds"]
    assert {each["kind"] for each in document["findings"]} == {"missing", "cut off"}


def test_a_change_of_the_files_that_is_not_deployed_is_drift(as_declared: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    edit(project / "traffic.yaml", "redis: {ports: [6379]}", "redis: {ports: [6380]}")

    result = ask(as_declared, project=project)

    assert result.exit_code == 1
    assert "spec.egress[" in result.stdout


def refusal(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_wrong_input_exits_2_with_one_line(as_declared: Path, tmp_path: Path) -> None:
    pods = tmp_path / "pods.json"
    pod = {"metadata": {"namespace": "a", "name": "b"}, "status": {"podIP": "10.0.0.1"}, "kind": "Pod"}
    pods.write_text(json.dumps({"items": [pod]}), encoding="utf-8")

    assert "it is of the stack dev, not of prod" in refusal(ask(as_declared, stack="prod"))
    assert "the inventory does not contain it" in refusal(ask(pods))
    assert "it cannot be read" in refusal(ask(tmp_path / "none.json"))
    assert "mars" in refusal(ask(as_declared, stack="mars"))


def test_an_external_without_a_place_in_a_saved_inventory_is_refused(as_declared: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    edit(project / "traffic.yaml", "externals:\n", "externals:\n  mail: {ports: [25]}\n")

    assert "it has no place in the environment dev" in refusal(ask(as_declared, project=project))


def test_the_latest_of_several_inventories_counts(as_declared: Path, tmp_path: Path) -> None:
    before = standing(shop())
    earlier = replace(with_deployed(before, policies=()).inventory, taken=before.inventory.taken - 3600)
    old = tmp_path / "old.json"
    old.write_text(inventory_json(earlier), encoding="utf-8")

    assert ask(as_declared, "--inventory", str(old)).exit_code == 0


ADMIN = OVERRULING_APIS[1]
SUBJECT = {"namespaces": {"matchLabels": {"team": "shop"}}}
DENYING = {"action": "Deny", "from": [{"namespaces": {}}], "ports": [{"portNumber": {"protocol": "TCP", "port": 3100}}]}
QUARANTINE = OtherPolicy(
    ADMIN,
    {"metadata": {"name": "quarantine"}, "spec": {"priority": 1, "subject": SUBJECT, "ingress": [DENYING]}},
)
WITH_QUARANTINE = replace(
    standing(shop()).inventory, others=(QUARANTINE,), namespaces={"flash-ticket": {"team": "shop"}}
)


def test_a_saved_inventory_is_judged_with_the_policies_of_administrators_in_it(tmp_path: Path) -> None:
    result = ask(saved(tmp_path, WITH_QUARANTINE))

    assert result.exit_code == 1
    assert "it cuts declared traffic: api => pay : TCP 3100" in result.stdout
    assert "policies of other APIs" not in result.stdout


def test_what_the_settings_accept_now_counts_for_a_saved_inventory(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    edit(project / "Pulumi.dev.yaml", "    vpc:", "    acceptedPolicies: [AdminNetworkPolicy quarantine]\n    vpc:")
    result = ask(saved(tmp_path, WITH_QUARANTINE), project=project)

    assert result.exit_code == 0
    assert "acceptedPolicies accepts it" in result.stdout


def test_a_saved_policy_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    odd = OtherPolicy(replace(ADMIN, kind="Pod"), QUARANTINE.object)
    path = saved(tmp_path, replace(WITH_QUARANTINE, others=(QUARANTINE, odd)))

    assert "inventory.others.1.api: no policies of 'Pod' of 'policy.networking.k8s.io'" in refusal(ask(path))


SAVED = json.loads(inventory_json(WITH_QUARANTINE))
DEPLOYED = [
    place
    for place in paths(SAVED)
    if place[:2] in {("inventory", "deployed"), ("inventory", "others"), ("inventory", "namespaces")}
]
VALUES = st.sampled_from([None, 5, "x", [], {}, [5], {"a": 5}])


@given(st.sampled_from(DEPLOYED), VALUES)
def test_any_saved_object_is_verified_or_refused_in_one_line(place: Place, value: object) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "inventory.json"
        file.write_text(json.dumps(put(SAVED, place, value)), encoding="utf-8")
        result = ask(file)

    assert isinstance(result.exception, SystemExit | None)
    assert result.exit_code in {0, 1, 2}
    assert len(result.stderr.splitlines()) == (result.exit_code == 2)
