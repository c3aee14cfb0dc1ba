"""Undeclared connections on a real node are in the agent's own log, in the answer of the command, and in an alert.

The agent of AWS writes its file, and ships it to the log group of the cluster as on EKS. A real Prometheus scrapes its
metrics, and evaluates the PrometheusRule that the engine deployed, with two changes that make it quick: the threshold
is a setting of the stack, and a minute of ``interval`` and of ``for`` is a second. promtool's tests hold the minutes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure.enclosure import enclosed, own_variables
from lab.enclosure.needs import missing
from lab.toolchain.kits import KITS, provide
from lab.toolchain.node_kits import Enforcer, node_kits
from lab.toolchain.prometheus import PrometheusError, prometheus
from tests.support.docs.runbook import ENGLISH, KOREAN, anchors

pytestmark = pytest.mark.engine

DENIED, MISSING = "NetworkPolicyDeniedTraffic", "NetworkPolicyMetricMissing"
NUMBERS = {"TCP": 6, "UDP": 17}
GROUP = "cloudwatch:/aws/eks/flash-ticket-dev/cluster"
AGENTS_SOURCE = {"file": "/var/log/aws-routed-eni/network-policy-agent.log", "group": GROUP, "own": GROUP}
"""Where the agent's lines are read: by the name of the file or of the group, or without a name, as the stack's own."""

Row = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    if lacking := missing():
        pytest.skip(lacking)


@pytest.fixture(scope="module")
def program() -> str:
    """The path of Prometheus; empty if it is not available, and then only the tests of the alerts are skipped."""
    try:
        return str(prometheus())
    except PrometheusError:
        return ""


def seen_on_the_node(enforcer: Enforcer, orders: Row) -> Row:
    provide((*KITS, *node_kits(enforcer)))  # nothing can be fetched inside
    command = [sys.executable, "-m", "lab.denials.inside", json.dumps(orders)]
    with enclosed(command, own_variables(), subprocess.PIPE) as inside:
        output, _ = inside.communicate()
        assert inside.returncode == 0
    found: Row = json.loads(output)
    return found


@pytest.fixture(scope="module")
def seen(program: str) -> Row:
    """What noticed the connections that were tried on the node with the agent of AWS."""
    return seen_on_the_node(Enforcer.AWS, {"prometheus": program, "rules": None})


@pytest.fixture(scope="module")
def watched(seen: Row) -> Row:
    """The same, where Prometheus is available."""
    try:
        prometheus()
    except PrometheusError as error:
        pytest.skip(str(error))
    return seen


@pytest.fixture(scope="module")
def elsewhere(watched: Row, program: str) -> Row:
    """What the deployed rules say on a node with kube-router, which has no metric of what it stops."""
    return seen_on_the_node(Enforcer.KUBE_ROUTER, {"prometheus": program, "rules": watched["rules"]})


def stopped(seen: Row) -> Iterator[Row]:
    yield from (call for call in seen["tried"] if call["answer"] == "silent")


def is_about(denial: Row, call: Row) -> bool:
    """Return whether a denial is about a call; the agent judges egress before a Service's address is translated."""
    return (
        call["from"] in denial["addresses"]["src"]
        and bool({call["called"], call["to"]} & set(denial["addresses"]["dst"]))
        and (denial["port"], denial["protocol"]) == (call["port"], NUMBERS[call["protocol"]])
    )


def test_what_is_declared_connects_and_what_is_not_is_stopped(seen: Row) -> None:
    answers = {(call["declared"], call["answer"]) for call in seen["tried"]}

    assert answers == {(True, "connected"), (False, "silent")}


@pytest.mark.parametrize("source", ["file", "group", "own"])
def test_each_attempt_is_found_with_its_policy_and_nothing_is_invented(seen: Row, source: str) -> None:
    answer = seen[source]
    calls = list(stopped(seen))

    assert [call for call in calls if not any(is_about(denial, call) for denial in answer["denials"])] == []
    assert [denial for denial in answer["denials"] if not any(is_about(denial, call) for call in calls)] == []
    assert AGENTS_SOURCE[source] in {each["name"] for each in answer["sources"]}
    for denial in answer["denials"]:
        assert not denial["declared"]
        assert denial["decides"]
        assert all("govern" in each and "flash-ticket/" in each for each in denial["decides"])
    assert answer["status"] == 0
    assert (answer["total"]["malformed"], answer["total"]["unattributed"]) == (0, 0)


def test_the_group_of_the_cluster_says_what_the_file_says(seen: Row) -> None:
    pairs = [
        {
            (each["src"], each["dst"], each["port"], each["protocol"], *each["decides"])
            for each in seen[source]["denials"]
        }
        for source in ("file", "group")
    ]
    assert pairs[0] == pairs[1]


def test_a_cut_line_of_the_agent_is_counted_and_takes_no_other_with_it(seen: Row) -> None:
    ends = [
        [(each["src"], each["dst"], each["port"], each["protocol"]) for each in seen[log]["denials"]]
        for log in ("cut", "file")
    ]
    assert sorted(ends[0]) == sorted(ends[1])
    assert seen["cut"]["total"]["malformed"] == 1
    assert seen["cut"]["total"]["read"] >= seen["file"]["total"]["read"]


def test_a_follower_prints_each_denial_of_the_running_agent(seen: Row) -> None:
    for source, rows in seen["followed"].items():
        sys.stdout.write(f"{source}: {[row['seconds'] for row in rows]} s\n")
        assert len(rows) > 1
        assert [row for row in rows if row["seconds"] is None] == []


def test_declared_traffic_alone_raises_no_alert(watched: Row) -> None:
    silent = watched["silent"]

    assert silent["answers"] == ["connected"]
    assert silent["states"] == {DENIED: "inactive", MISSING: "inactive"}
    assert silent["history"][DENIED] == {}
    assert "firing" not in silent["history"][MISSING]
    assert silent["unwell"] == []


def test_real_denials_make_the_deployed_alert_pending_and_then_firing(watched: Row) -> None:
    rings = watched["rings"]

    assert watched["begun"] < rings["history"]["pending"] < rings["history"]["firing"]
    assert {each["labels"]["severity"] for each in rings["alerts"]} == {"warning"}
    assert rings["states"][MISSING] == "inactive"
    assert rings["unwell"] == []


@pytest.mark.parametrize("runbook", [ENGLISH, KOREAN], ids=["English", "Korean"])
def test_its_annotations_lead_to_its_section_of_the_runbook(watched: Row, runbook: Path) -> None:
    for alert in watched["rings"]["alerts"]:
        page, _, section = alert["annotations"]["runbook_url"].partition("#")
        assert page == "https://wiki.example.com/runbook"
        assert section == DENIED.lower()
        assert section in anchors(runbook)
        assert alert["labels"]["instance"] in alert["annotations"]["description"]
        assert alert["labels"]["direction"] in alert["annotations"]["description"]


def test_with_kube_router_the_metric_is_missing_and_an_alert_says_so(elsewhere: Row) -> None:
    rings = elsewhere["rings"]

    assert rings["states"] == {DENIED: "inactive", MISSING: "firing"}
    assert rings["history"]["pending"] < rings["history"]["firing"]
    (alert,) = rings["alerts"]
    assert "port 8162 of aws-node" in alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"].partition("#")[2] in anchors(ENGLISH)
    assert rings["unwell"] == []
