"""``render``: its exit status, its words, and every wrong input."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from flash_ticket.firewall.change.overruling import OtherPolicy
from flash_ticket.firewall.compile import pod_layer
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.verify.standing import shop, standing

INVENTORY = inventory_json(standing(shop()).inventory)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "inventory.json").write_text(INVENTORY)
    return copy_project(tmp_path / "project")


def ask(project: Path, stack: str = "dev") -> Result:
    beside = project.parent
    return run(
        *("render", "--project", project, "--stack", stack),
        *("--inventory", beside / "inventory.json", "--out", beside / "out"),
    )


def test_a_saved_inventory_gives_the_folder_without_account_and_cluster(project: Path) -> None:
    result = ask(project)
    names = [path.name for path in sorted((project.parent / "out").iterdir())]

    assert (result.exit_code, result.stderr) == (0, "")
    assert names == [
        "00-default-deny.yaml",
        "01-allow-gateway-from-alb.yaml",
        "02-allow-api-from-gateway.yaml",
        "03-allow-pay-from-api.yaml",
        "04-allow-egress-api.yaml",
        "04-allow-egress-gateway.yaml",
        "04-allow-egress-pay.yaml",
        "Kustomization",
        "security_group_policies.yaml",
        "security_groups.txt",
    ]
    assert result.stdout.splitlines() == [
        *(f"added    {name}" for name in names),
        f"{project.parent / 'out'}: every file is new or changed.",
    ]


def test_one_flow_fewer_is_a_changed_file_and_one_service_fewer_is_a_removed_one(project: Path) -> None:
    ask(project)
    matrix = yaml.safe_load((project / "traffic.yaml").read_text())
    del matrix["services"]["pay"]
    matrix["flows"] = [{"from": "alb", "to": "gateway"}, {"from": "api", "to": ["rabbitmq", "redis", "database"]}]
    (project / "traffic.yaml").write_text(yaml.safe_dump(matrix))
    result = ask(project)

    assert result.exit_code == 0, result.stderr
    assert [line.split() for line in result.stdout.splitlines()[:-1] if "security" not in line] == [
        ["changed", "02-allow-api-from-gateway.yaml"],
        ["changed", "04-allow-egress-api.yaml"],
        ["changed", "04-allow-egress-gateway.yaml"],
        ["changed", "Kustomization"],
        ["removed", "03-allow-pay-from-api.yaml"],
        ["removed", "04-allow-egress-pay.yaml"],
    ]


def test_a_suspension_is_not_rendered(project: Path) -> None:
    ask(project)
    entry = "{policy: 04-allow-egress-api, until: '2999-01-01T00:00:00Z', reason: x, author: me}"
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  flash-ticket-firewall:suspensions:\n    - {entry}\n")
    result = ask(project)

    assert result.stdout == f"{project.parent / 'out'}: 10 files are as before.\n"


def test_a_proof_that_does_not_hold_writes_nothing_and_exits_1(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_layer, "DNS_PORTS", (tcp(1),))
    result = ask(project)

    assert result.exit_code == 1
    assert "DNS" in result.stdout
    assert not (project.parent / "out").exists()


def test_a_saved_policy_of_an_administrator_that_cuts_a_declared_flow_ends_the_rendering(project: Path) -> None:
    peers: dict[str, object] = {"namespaces": {}}
    port = {"portNumber": {"protocol": "TCP", "port": 3100}}
    rule = {"action": "Deny", "from": [peers], "ports": [port]}
    spec = {"priority": 1, "subject": peers, "ingress": [rule]}
    quarantine = OtherPolicy(OVERRULING_APIS[1], {"metadata": {"name": "quarantine"}, "spec": spec})
    inventory = replace(standing(shop()).inventory, others=(quarantine,))
    (project.parent / "inventory.json").write_text(inventory_json(inventory))
    result = ask(project)

    assert result.exit_code == 1
    assert "AdminNetworkPolicy" in result.stdout
    assert not (project.parent / "out").exists()


def test_groups_that_do_not_exist_yet_are_a_note(project: Path) -> None:
    inventory = standing(shop()).inventory
    assert inventory.deployed
    without = replace(inventory, deployed=replace(inventory.deployed, groups=(), attachments=(), rules=()))
    (project.parent / "inventory.json").write_text(inventory_json(without))
    result = ask(project)

    assert result.exit_code == 0
    assert "those of api, gateway, pay are left out" in result.stderr
    assert not (project.parent / "out" / "security_group_policies.yaml").exists()


def test_a_rendered_pod_layer_leaves_the_rest_to_pulumi(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "      attachment: pods\n", "      attachment: pods\n      podLayer: rendered\n")
    ask(project)

    assert not (project.parent / "out" / "security_group_policies.yaml").exists()
    assert (project.parent / "out" / "security_groups.txt").exists()


def _bare(project: Path) -> None:
    saved = json.loads(INVENTORY)
    saved["inventory"]["environment"] = None
    (project.parent / "inventory.json").write_text(json.dumps(saved))


def _occupied(project: Path) -> None:
    (project.parent / "out").mkdir()
    (project.parent / "out" / "notes.txt").write_text("ours")


def _unplaced(project: Path) -> None:
    edit(project / "traffic.yaml", "  redis: {ports: [6379]}", "  redis: {ports: [6379]}\n  kafka: {ports: [9092]}")


def _unknown_owner(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "      attachment: pods\n", "      attachment: pods\n      podLayer: argocd\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_bare, "--inventory: it contains no environment"),
        (_occupied, "--out: it holds what this command did not render: notes.txt"),
        (_unplaced, "traffic.yaml: externals.kafka: it has no place in the environment dev"),
        (
            _unknown_owner,
            "binding.cluster.podLayer: 'argocd' is not known here. Write 'pulumi' or 'rendered'. See line 13.",
        ),
    ],
)
def test_bad_input_is_one_error_and_writes_nothing(spoil: object, said: str, project: Path) -> None:
    assert callable(spoil)
    spoil(project)
    result = ask(project)

    assert result.exit_code == 2
    assert said.replace("--out: ", f"--out: {project.parent / 'out'}: ") in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_an_inventory_of_another_stack_is_refused(project: Path) -> None:
    assert "it is of the stack dev, not of prod" in ask(project, "prod").stderr
