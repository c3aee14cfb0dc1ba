"""New connections through both layers, all the time, while a flow is added to the firewall and removed again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure.needs import missing

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[3]
DECLARED, CHANGING = "declared", "changing"
LINES = {("alb", "api"): 1, ("redis", "api"): 2}
"""How many lines an attempt has that the VPC stops: one that has left an interface has another line at the next."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def loaded() -> Row:
    if lacking := missing():
        pytest.skip(lacking)
    command = [sys.executable, "-m", "lab.bench.load", "--rate", "100", "--seconds", "8", "--reads", "1"]
    ran = subprocess.run([*command, "--output", "json"], cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603 - this project's own module
    assert ran.returncode == 0, ran.stderr
    found: Row = json.loads(ran.stdout)
    return found


def flows(loaded: Row, kind: str) -> list[Row]:
    return [flow for flow in loaded["flows"] if flow["kind"] == kind]


def ends(row: Row) -> tuple[str, str]:
    return row["src"], row["dst"]


def test_no_declared_connection_is_lost_while_policies_and_rules_change(loaded: Row) -> None:
    assert loaded["changes"] > 0
    assert [flow for flow in flows(loaded, DECLARED) if not 0 < flow["tried"] == flow["connected"]] == []


def test_connections_feel_each_change(loaded: Row) -> None:
    (changing,) = flows(loaded, CHANGING)
    assert 0 < changing["connected"] < changing["tried"]


def test_the_flow_log_holds_each_connection_once_where_it_is_called(loaded: Row) -> None:
    connected = {(*ends(flow), flow["port"]): flow["connected"] for flow in flows(loaded, DECLARED)}
    opened = {(*ends(each), each["port"]): each["count"] for each in loaded["opened"]}
    assert connected.items() <= opened.items()


def test_denied_counts_exactly_what_the_vpc_rejected(loaded: Row) -> None:
    answer = loaded["read"]["flow log"]
    # All of it is in one interval of records: a packet that is sent twice has no line of its own.
    tried = {ends(flow): flow["tried"] for flow in loaded["flows"]}
    denials = {ends(each): each["lines"] for each in answer["denials"]}
    assert {pair: denials.pop(pair) for pair in LINES} == {pair: LINES[pair] * tried[pair] for pair in LINES}
    assert set(denials) <= {ends(flow) for flow in flows(loaded, CHANGING)}
    assert (answer["total"]["malformed"], answer["total"]["unattributed"]) == (0, 0)
    assert answer["total"]["read"] >= loaded["lines"]


def test_denied_misses_nothing_that_the_agent_stopped(loaded: Row) -> None:
    tried = {ends(flow): flow["tried"] for flow in loaded["flows"]}
    denials = {ends(each): each["lines"] for each in loaded["read"]["agent"]["denials"]}
    # The agent has a line for each packet: a caller that had no processor for a moment may ask twice.
    assert tried["gateway", "redis"] <= denials.pop(("gateway", "redis")) <= 2 * tried["gateway", "redis"]
    assert set(denials) <= {ends(flow) for flow in flows(loaded, CHANGING)}
