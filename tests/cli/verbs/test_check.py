"""``check``: the proof for pre-commit and CI, without Pulumi, a cluster or AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.pod_layer import PodFirewall, compile_policies
from flash_ticket.firewall.compile.vpc_layer import GroupRule, VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove import compiled_firewall
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.declared.accounts import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


@pytest.fixture
def forgets_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler of groups that drops the rule from api to redis."""

    def forgetful(matrix: Matrix, environment: Environment, standing: Iterable[GroupRule]) -> VpcFirewall:
        firewall = compile_groups(matrix, environment, standing)
        kept = tuple(rule for rule in firewall.rules if not rule.name.startswith("api-egress-tcp-6379"))
        return replace(firewall, rules=kept)

    monkeypatch.setattr(compiled_firewall, "compile_groups", forgetful)


@pytest.fixture
def widens_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler of policies that lets api reach every port of its destinations."""

    def generous(matrix: Matrix, environment: Environment) -> PodFirewall:
        firewall = compile_policies(matrix, environment)
        every = next(policy for policy in firewall.allows if policy.name == "04-allow-egress-api")
        rules = tuple(
            replace(rule, ports=tuple(port._replace(first=1, last=65535) for port in rule.ports[:1]))
            for rule in every.rules
        )
        allows = tuple(replace(each, rules=rules) if each is every else each for each in firewall.allows)
        return replace(firewall, allows=allows)

    monkeypatch.setattr(compiled_firewall, "compile_policies", generous)


def parsed(*arguments: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("check", *arguments, "--output", "json").stdout)
    return found


def test_without_a_stack_name_all_stacks_are_proven(project: Path) -> None:
    result = run("check", "--project", project)

    assert result.exit_code == 0
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["dev", "prod"]
    assert all("The proof holds: " in line for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_named_stacks_are_proven_in_the_given_order(project: Path) -> None:
    one = run("check", "--project", project, "--stack", "prod")
    two = run("check", "--project", project, "--stack", "prod", "--stack", "dev")

    assert [line.partition(":")[0] for line in one.stdout.splitlines()] == ["prod"]
    assert [line.partition(":")[0] for line in two.stdout.splitlines()] == ["prod", "dev"]


def test_a_broken_stack_fails_the_check_of_all_stacks_but_not_of_another_one(project: Path) -> None:
    edit(project / "Pulumi.prod.yaml", "  redis:", "  reddis:")

    assert run("check", "--project", project).exit_code == 2
    assert run("check", "--project", project, "--stack", "dev").exit_code == 0


def test_a_proof_in_json_is_an_object(project: Path) -> None:
    dev, prod = parsed("--project", project)

    assert (dev["stack"], prod["stack"]) == ("dev", "prod")
    assert dev["holds"]
    assert dev["violations"] == dev["indistinguishable"] == []
    assert set(dev["stopped_by_layers"]) == {"1", "2"}
    assert dev["declared"] >= 11  # the ports of the flows, DNS, probes and the clients


@pytest.mark.usefixtures("forgets_a_rule")
def test_a_dropped_rule_is_a_violation_with_exit_1_and_a_table(project: Path) -> None:
    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 1
    summary, empty, fault, head, row, *_ = result.stdout.splitlines()
    assert summary == "dev: The proof does not hold: 1 thing is not as declared."
    assert empty == ""
    assert fault == "Declared, but stopped:"
    assert head.split()[:4] == ["from", "to", "ports", "layer"]
    assert [cell.strip() for cell in row.split("  ") if cell.strip()][:4] == ["api", "redis", "TCP 6379", "vpc"]


@pytest.mark.usefixtures("forgets_a_rule")
def test_a_violation_in_json_names_the_pair_the_layer_and_the_remedy(project: Path) -> None:
    (dev,) = parsed("--project", project, "--stack", "dev")

    assert not dev["holds"]
    (violation,) = dev["violations"]
    assert (violation["src"], violation["dst"], violation["ports"]) == ("api", "redis", "TCP 6379")
    assert (violation["layer"], violation["fault"]) == ("vpc", "declared, but stopped")
    assert violation["decides"]
    assert violation["remedy"]


@pytest.mark.usefixtures("widens_a_rule")
def test_a_widened_rule_is_a_violation_that_names_the_rule(project: Path) -> None:
    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 1
    assert "Not declared, but open:" in result.stdout
    assert "04-allow-egress-api" in result.stdout.replace("\n", "").replace(" ", "")


@pytest.mark.usefixtures("forgets_a_rule")
def test_one_violated_stack_of_several_is_exit_1(project: Path) -> None:
    assert run("check", "--project", project).exit_code == 1


def test_a_misleading_setting_is_a_warning_and_not_a_violation(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "attachment: pods", "attachment: nodes")

    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 0
    assert "dev: warning: cluster.attachment nodes: " in result.stdout
    assert parsed("--project", project, "--stack", "dev")[0]["warnings"][0]["setting"] == "cluster.attachment nodes"


def test_two_externals_that_one_pod_can_be_are_a_warning(project: Path) -> None:
    pods = "  monitoring: {namespace: monitoring}\n  prometheus: {namespace: monitoring, pods: {app: prometheus}}\n"
    edit(project / "traffic.yaml", "externals:\n", f"externals:\n{pods}")
    edit(project / "traffic.yaml", "flows:\n", "flows:\n  - {from: [monitoring, prometheus], to: api}\n")

    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 0
    ran = "a pod of monitoring can match both monitoring and prometheus, and has what both may do"
    remedy = "Give both one label key with different values, or declare these pods once"
    assert f"dev: warning: externals.prometheus.pods: {ran}. {remedy}." in result.stdout


def test_without_the_account_check_counts_no_connection_as_stopped_by_groups_of_others(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "attachment: pods", "attachment: nodes")
    (dev,) = parsed("--project", project, "--stack", "dev")

    assert dev["stopped_by_layers"] == {"1": 40, "2": 57}
    assert dev["rules_of_others"]["vpc_layer_not_known"] == 521
    assert "flash-ticket-dev-nodes" in dev["rules_of_others"]["groups_not_known"]
    assert {each["answer"] for each in dev["indistinguishable"]} == {"not known without the account"}


def test_what_nothing_uses_and_what_is_given_twice_are_warnings(project: Path) -> None:
    edit(project / "traffic.yaml", "  - {from: alb, to: gateway}", "  - {from: alb, to: gateway}\n" * 2)
    edit(
        project / "traffic.yaml",
        "externals:",
        "  idle: {pods: {app: idle}, ports: [1]}\nexternals:\n  mail: {ports: [25]}",
    )
    for stack in ("dev", "prod"):
        edit(project / f"Pulumi.{stack}.yaml", "places:", "places:\n      mail: {cidrs: [192.0.2.1/32]}")

    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 0, result.stderr
    assert "dev: warning: services.idle: no flow names this service, so its pods reach nothing but DNS" in result.stdout
    assert "dev: warning: externals.mail: no flow names this external. Add its flows, or remove it." in result.stdout
    assert "dev: warning: flows: more than one flow allows alb to open TCP 3000 of gateway. Keep one" in result.stdout
    assert "services.gateway" not in result.stdout


def test_the_mistakes_of_all_files_are_reported_at_once_each_with_its_line(project: Path) -> None:
    edit(project / "traffic.yaml", "to: gateway", "to: gatway")
    edit(project / "Pulumi.dev.yaml", "retentionDays: 14", "retentionDays: 15")
    edit(project / "Pulumi.prod.yaml", "attachment: pods", "attachment: pod")

    result = run("check", "--project", project)

    lines = {
        name: (project / name).read_text().splitlines()
        for name in ("traffic.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml")
    }
    assert (result.exit_code, result.stdout) == (2, "")
    assert [each.split()[1].rstrip(":") for each in result.stderr.splitlines()] == list(lines)
    for said, (name, word) in zip(
        result.stderr.splitlines(),
        [
            ("traffic.yaml", "to: gatway"),
            ("Pulumi.dev.yaml", "flowLogs:"),
            ("Pulumi.prod.yaml", "attachment: pod"),
        ],
        strict=True,
    ):
        number = next(index for index, line in enumerate(lines[name], 1) if word in line)
        assert said.endswith(f" See line {number}.")


def test_every_place_that_fits_no_external_is_reported_at_once(project: Path) -> None:
    edit(project / "traffic.yaml", "  redis:", "  cache:")
    edit(project / "traffic.yaml", "redis", "cache")
    edit(project / "traffic.yaml", "database", "store")

    result = run("check", "--project", project, "--stack", "dev")

    assert result.exit_code == 2
    assert [each.split(":")[4].split(".")[0].strip() for each in result.stderr.splitlines()] == [
        "the external cache of traffic",
        "the external store of traffic",
        "redis is not an external of traffic",
        "database is not an external of traffic",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("traffic.yaml", "to: gateway", "to: gatway", "error: traffic.yaml: flows[0].to: gatway is neither"),
        ("traffic.yaml", "services:", "servces:", "error: traffic.yaml: servces: this key is not known"),
        ("Pulumi.dev.yaml", "retentionDays: 14", "retentionDays: 15", "error: Pulumi.dev.yaml: flash-ticket-firewall:"),
        ("Pulumi.dev.yaml", "config:", "config: [", "error: Pulumi.dev.yaml: line "),
    ],
)
def test_a_mistake_exits_2_with_one_line(project: Path, name: str, old: str, new: str, message: str) -> None:
    edit(project / name, old, new)

    result = run("check", "--project", project, "--stack", "dev")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_without_a_project_is_bad_input(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        result = run("check", "--project", folder)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "there is no Pulumi.<stack>.yaml. Name the project's folder with --project, or write" in result.stderr


def test_check_loads_no_module_for_pulumi_aws_or_kubernetes() -> None:
    code = (
        "import sys\nfrom flash_ticket.cli.main import app\n"
        "try:\n    app(['check'])\nexcept SystemExit as end:\n    print(end.code, *sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "KUBE", "PULUMI_"))}

    run = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    last = run.stdout.splitlines()[-1].split()
    assert last[0] == "0"
    loaded = {module.partition(".")[0] for module in last[1:]}
    assert "flash_ticket" in loaded
    assert not loaded & {
        "boto3",
        "botocore",
        "pulumi",
        "pulumi_aws",
        "pulumi_kubernetes",
        "kubernetes",
        "urllib3",
        "duckdb",
        "sqlglot",
        "msgspec",
    }


def test_what_only_one_layer_stops_is_listed_on_request(project: Path) -> None:
    asked = run("check", "--stack", "prod", "--stopped-by-one", "--project", project)

    assert asked.exit_code == 0
    assert "  api => redis : TCP 3306,5432,5672\n" in asked.output
    assert len(run("check", "--stack", "prod", "--project", project).output.splitlines()) == 1
