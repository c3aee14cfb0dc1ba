"""``learn`` on the command line: it prints a traffic file that the project accepts."""

import json
from pathlib import Path

import pytest

from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.project import MATRIX_FILE
from tests.support.command.flash_firewall import copy_project, run


@pytest.fixture
def hubble(tmp_path: Path) -> Path:
    """Hubble's export of a call by the gateway and one by a debugging pod, each seen at its destination."""
    path = tmp_path / "hubble.json"
    path.write_text("".join(json.dumps(arrived(app)) + "\n" for app in ("flash-gateway", "debug")), encoding="utf-8")
    return path


def arrived(app: str) -> dict[str, object]:
    """Return the line of a forwarded call to the API."""
    return {
        "flow": {
            "time": "2026-11-24T03:05:00Z",
            "verdict": "FORWARDED",
            "IP": {"source": "10.10.10.99", "destination": "10.10.10.21", "ipVersion": "IPv4"},
            "l4": {"TCP": {"source_port": 40001, "destination_port": 4000, "flags": {"SYN": True}}},
            "source": {"namespace": "flash-ticket", "labels": [f"k8s:app={app}"], "pod_name": f"{app}-1"},
            "destination": {"namespace": "flash-ticket", "labels": ["k8s:app=flash-api"], "pod_name": "api-1"},
            "Type": "L3_L4",
            "traffic_direction": "INGRESS",
            "is_reply": False,
        },
        "node_name": "n",
        "time": "2026-11-24T03:05:00Z",
    }


def test_the_draft_is_a_valid_traffic_file_for_the_project(tmp_path: Path, inventory: Path, hubble: Path) -> None:
    project = copy_project(tmp_path / "project", "dev")

    result = run("learn", hubble, "--project", project, "--inventory", inventory)

    assert result.exit_code == 0, result.output
    drafted = parse_matrix(parse_document(result.stdout, "draft.yaml"), "draft.yaml")
    assert [(flow.source, flow.target) for flow in drafted.flows] == [("debug", "api"), ("gateway", "api")]
    (project / MATRIX_FILE).write_text(result.stdout, encoding="utf-8")
    assert run("check", "--project", project).exit_code == 0


def test_a_draft_cuts_none_of_its_own_traffic(tmp_path: Path, inventory: Path, hubble: Path) -> None:
    project, draft = copy_project(tmp_path / "project", "dev"), tmp_path / "draft.yaml"
    draft.write_text(run("learn", hubble, "--project", project, "--inventory", inventory).stdout, encoding="utf-8")

    before = run("replay", hubble, "--project", project, "--inventory", inventory)
    after = run("replay", hubble, "--matrix", draft, "--project", project, "--inventory", inventory)

    assert (before.exit_code, after.exit_code) == (1, 0)


def test_without_a_reachable_stack_learn_fails_with_one_clear_line(tmp_path: Path, hubble: Path) -> None:
    project = copy_project(tmp_path / "project", "dev", "prod")

    result = run("learn", hubble, "--project", project)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: --stack: ")
    assert not result.stdout
