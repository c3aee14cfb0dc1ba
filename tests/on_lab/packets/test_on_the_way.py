"""Real connections between real pods while the engine deploys, changes, suspends and destroys the firewall."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure.needs import missing

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[3]
VERBS = ("up", "change", "suspend", "resume", "destroy")


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    """What packets did during each verb."""
    if lacking := missing():
        pytest.skip(lacking)
    command = [sys.executable, "-m", "lab", "packets", "--on-the-way", "short", "--output", "json"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603 - this project's own module
    assert ran.returncode in (0, 1), ran.stderr
    return {line["verb"]: line for line in json.loads(ran.stdout) if "verb" in line}


@pytest.mark.parametrize("verb", VERBS)
def test_no_declared_connection_is_lost(rows: dict[str, Any], verb: str) -> None:
    assert rows[verb]["declared"] > 0
    assert (rows[verb]["lost"], rows[verb]["wrong"]) == (0, [])


@pytest.mark.parametrize("verb", VERBS)
def test_a_declared_connection_that_stays_open_is_never_cut(rows: dict[str, Any], verb: str) -> None:
    assert rows[verb]["kept"] > 0
    assert rows[verb]["cut"] == 0


@pytest.mark.parametrize("verb", VERBS)
def test_no_undeclared_connection_opens_once_default_deny_stands(rows: dict[str, Any], verb: str) -> None:
    assert rows[verb]["undeclared"] > 0
    assert rows[verb]["opened"] == 0


@pytest.mark.parametrize("verb", VERBS)
def test_packets_feel_what_a_verb_changes(rows: dict[str, Any], verb: str) -> None:
    assert rows[verb]["changed"] > 0
    assert rows[verb]["effect"]
