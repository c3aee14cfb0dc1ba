"""Bad input gives one message with file, key and remedy, and changes nothing: of the program, and of the engine."""

import json
import logging
import runpy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import REPOSITORY, Apis
from tests.support.pulumi.pulumi_mocks import deploy

pytestmark = pytest.mark.engine

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
NOWHERE = "http://127.0.0.1:9"  # port 9, where nothing listens


@dataclass(frozen=True, slots=True)
class Case:
    """A mistake, and the beginning of its message.

    Attributes:
        edits: Old and new text, by file.
        variables: Environment variables that differ.
    """

    message: str
    edits: dict[str, tuple[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


CASES = {
    "an unknown key of the matrix": Case(
        "traffic.yaml: servces: this key is not known. Write 'services' instead",
        {"traffic.yaml": ("services:", "servces:")},
    ),
    "an unknown service in a flow": Case(
        "traffic.yaml: flows[0].to: gatway is neither a service nor an external.",
        {"traffic.yaml": ("{from: alb, to: gateway}", "{from: alb, to: gatway}")},
    ),
    "an unknown key of the binding": Case(
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.flowLogs.retention: this key is not known.",
        {"Pulumi.dev.yaml": ("retentionDays:", "retention:")},
    ),
    "an unknown key beside the binding": Case(
        "Pulumi.dev.yaml: flash-ticket-firewall:vpc: this key is not known.",
        {
            "Pulumi.dev.yaml": (
                "  flash-ticket-firewall:binding:",
                "  flash-ticket-firewall:vpc: x\n  flash-ticket-firewall:binding:",
            )
        },
    ),
    "a VPC that is not there": Case(
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.vpc: there is no VPC with the tags Name=flash-ticket-test",
        {"Pulumi.dev.yaml": ("vpc: {tags: {Name: flash-ticket-dev}}", "vpc: {tags: {Name: flash-ticket-test}}")},
    ),
    "an external without a place": Case(
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.places: ",
        {"traffic.yaml": ("  redis: {ports: [6379]}", "  redis: {ports: [6379]}\n  kafka: {ports: [9092]}")},
    ),
    "two listeners behind CloudFront's prefix list": Case(
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.",
        {
            "Pulumi.dev.yaml": (
                "listeners: [443]\n      clients: {cidrs: [203.0.113.0/24]}",
                f"listeners: [80, 443]\n      clients: {{prefixList: {{name: {CLOUDFRONT}}}}}",
            )
        },
    ),
    "a namespace that is not there": Case(
        "traffic.yaml: namespace: ",
        {"traffic.yaml": ("namespace: flash-ticket", "namespace: flash-tickets")},
    ),
    "no credentials": Case("AWS: credentials: ", variables={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}),
    "an AWS endpoint that does not answer": Case("AWS: ", variables={"AWS_ENDPOINT_URL": NOWHERE}),
    "no kubeconfig": Case("Kubernetes: kubeconfig: ", variables={"KUBECONFIG": "/nowhere/config"}),
}


NO_STATE: Mapping[str, Mapping[str, object]] = {"pulumi:pulumi:readStackResourceOutputs": {"outputs": {}}}
ON_THE_ENGINE = ("an unknown key of the matrix", "a VPC that is not there", "an AWS endpoint that does not answer")


def written(case: Case, folder: Path) -> Path:
    """Return a copy of the program with the mistake."""
    changed = {}
    for name, (old, new) in case.edits.items():
        text = (REPOSITORY / name).read_text()
        assert old in text
        changed[name] = text.replace(old, new)
    return copy_program(REPOSITORY, folder, changed)


@pytest.mark.parametrize("mistake", ON_THE_ENGINE)
def test_the_engine_shows_a_mistake_in_one_message_and_changes_nothing(mistake: str, lab: Lab, tmp_path: Path) -> None:
    case, before = CASES[mistake], Apis(lab, "dev").look()
    result = Engine(lab, "dev", written(case, tmp_path / "program"), case.variables).up()
    errors = [line for line in result.diagnostics if line.startswith("error: ")]

    assert result.code != 0
    assert len(errors) == 1, result.stdout
    assert errors[0].removeprefix("error: ").startswith(case.message)
    assert "\n" not in errors[0]
    assert "Traceback" not in result.stdout + result.stderr
    assert Apis(lab, "dev").look() == before


def errors_of(
    program: Path,
    lab: Lab,
    variables: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> list[str]:
    """Run the program on the lab's APIs, without the engine, to its refusal; return its errors."""
    environment = {**lab.variables("dev"), **variables}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = yaml.safe_load((program / "Pulumi.dev.yaml").read_text())["config"]
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    # The Kubernetes client reads the variable once in a process, when it is imported.
    config["kubernetes:kubeconfig"] = environment["KUBECONFIG"]
    with pytest.raises(SystemExit) as refusal:
        deploy(lambda: runpy.run_path(str(program / "__main__.py")), config=config, stack_name="dev", calls=NO_STATE)
    assert refusal.value.code
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("mistake", CASES)
def test_the_program_refuses_a_mistake_in_one_line_before_it_declares_anything(
    mistake: str, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    case = CASES[mistake]
    (error,) = errors_of(written(case, tmp_path / "program"), lab, case.variables, monkeypatch, caplog)

    assert error.startswith(case.message)
    assert "\n" not in error


def test_an_unreachable_api_server_is_reported_at_once(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kubeconfig = tmp_path / "config"
    text = lab.kubeconfigs["dev"].read_text()
    server = next(line for line in text.splitlines() if "server:" in line)
    kubeconfig.write_text(text.replace(server.split("server:")[1].strip(), "https://127.0.0.1:9"))
    program = copy_program(REPOSITORY, tmp_path / "program")
    (error,) = errors_of(program, lab, {"KUBECONFIG": str(kubeconfig)}, monkeypatch, caplog)

    assert error.startswith("Kubernetes: API server: https://127.0.0.1:9 cannot be reached")
