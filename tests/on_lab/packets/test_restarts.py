"""Declared connections behind both layers while pods restart, come and go with their node, under the strict agent."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure.needs import missing

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[3]
STAYING = [(event, on) for event in ("a pod restarts", "one pod more", "one pod less") for on in ("pods", "nodes")]
ROWS = [*STAYING, ("the node is lost", "pods"), ("the node is lost", "nodes")]


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], dict[str, Any]]:
    """What became of declared connections, by what happened to pods and by where the groups are."""
    if lacking := missing():
        pytest.skip(lacking)
    command = [sys.executable, "-m", "lab", "packets", "--mode", "strict", "--restarts", "1"]
    command += ["--interval", "0.25", "--output", "json"]  # gentle: other tests run beside it
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603 - this project's own module
    assert ran.returncode in (0, 1), ran.stderr
    return {(line["restarts"], line["firewall"]): line for line in json.loads(ran.stdout) if "restarts" in line}


@pytest.mark.parametrize("row", ROWS)
def test_every_declared_pair_connects_again(rows: dict[tuple[str, str], dict[str, Any]], row: tuple[str, str]) -> None:
    assert rows[row]["wrong"] == []


@pytest.mark.parametrize("row", STAYING)
def test_nothing_between_pods_that_stay_is_lost_or_cut(
    rows: dict[tuple[str, str], dict[str, Any]], row: tuple[str, str]
) -> None:
    found = rows[row]
    assert min(found["staying"]["tried"], found["kept"]) > 0
    assert (found["staying"]["lost"], found["cut"]) == (0, 0)
