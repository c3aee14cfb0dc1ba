"""``explain`` with an address at one end: what can have it is named, and each has an answer of its own."""

import json
from pathlib import Path

import pytest

from tests.support.command.flash_firewall import copy_project, run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


PODS_NOW = {
    "kind": "List",
    "items": [
        {
            "kind": "Pod",
            "metadata": {"namespace": "flash-ticket", "name": "flash-api-1", "labels": {"app": "flash-api"}},
            "status": {"podIP": "10.10.11.23", "hostIP": "10.10.11.1", "startTime": "2026-11-24T03:00:00Z"},
        }
    ],
}


def test_explain_takes_an_address_of_the_internet(project: Path) -> None:
    result = run("explain", "api", "8.8.8.8", "443", "--project", project, "--stack", "dev")

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines()[0] == "api => 8.8.8.8 (the internet) : TCP 443 is stopped"


def test_explain_takes_an_address_that_an_inventory_knows(project: Path, tmp_path: Path) -> None:
    (tmp_path / "pods.json").write_text(json.dumps(PODS_NOW))
    where = ("--project", project, "--stack", "dev", "--inventory", tmp_path / "pods.json")

    result = run("explain", "10.10.11.23", "redis", "6379", *where)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == (
        "10.10.11.23 (the pod flash-ticket/flash-api-1, api) => redis : TCP 6379 passes"
    )
    assert run("explain", "10.10.11.23", "gateway", "3000", *where).exit_code == 1
    node = run("explain", "10.10.11.1", "api", "4000", *where, "--output", "json")
    assert [each["src"] for each in json.loads(node.stdout)] == [
        "10.10.11.1 (the node of the pod)",
        "10.10.11.1 (another node)",
    ]


def test_explain_says_which_place_an_address_must_be_in_to_pass(project: Path) -> None:
    result = run("explain", "api", "10.10.20.7", "6379", "--project", project, "--stack", "dev")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[:2] == [
        "This can mean 7 connections: 1 passing, 6 stopped.",
        "api => 10.10.20.7, if it is in redis : TCP 6379 passes",
    ]
    assert "api => 10.10.20.7, if it is in database : TCP 6379 is stopped by the vpc layer" in lines
    assert "Give --inventory with the output of flash-firewall inventory" in result.stderr
