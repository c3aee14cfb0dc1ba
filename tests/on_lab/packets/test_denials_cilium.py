"""What Cilium denies on a real node: a rehearsal, the runbook's commands, and each alert with what it is for.

A real Prometheus scrapes the real agent, and evaluates the PrometheusRule that the engine deployed; a minute of
``interval`` and of ``for`` is a second. promtool's tests hold the minutes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from flash_ticket.firewall.compile.alerts.alert import Alert
from lab.enclosure.enclosure import enclosed, own_variables
from lab.enclosure.needs import missing
from lab.toolchain.kits import KITS, provide
from lab.toolchain.node_kits import Enforcer, node_kits
from lab.toolchain.prometheus import PrometheusError, prometheus
from tests.support.docs.runbook import ENGLISH, anchors, commands

pytestmark = pytest.mark.engine

NUMBERS = {"TCP": 6, "UDP": 17}
CILIUM_ALERTS = {
    *(Alert.DECLARED_FLOW_DENIED, Alert.DENIED_TRAFFIC, Alert.NEW_DENIED_PAIR),
    *(Alert.METRIC_MISSING, Alert.METRIC_LABELS_MISSING),
}
PARTS = {
    "metrics": "{.data.hubble-metrics}",
    "on": '"policy-audit-mode": "true"',
    "off": '"policy-audit-mode": "false"',
    "restart": "rollout restart daemonset cilium",
    "audited": "--verdict AUDIT",
    "dropped": "--verdict DROPPED",
}
"""The text that finds each command of the runbook."""

Row = dict[str, Any]


def of_runbook(text: str) -> str:
    (found,) = {each.text for each in commands(ENGLISH) if text in each.text}
    return found


@pytest.fixture(scope="module")
def seen() -> Row:
    """What was seen on the node."""
    if lacking := missing(Enforcer.CILIUM):
        pytest.skip(lacking)
    try:
        program = str(prometheus())
    except PrometheusError as error:
        pytest.skip(str(error))
    provide((*KITS, *node_kits(Enforcer.CILIUM)))  # nothing can be fetched inside
    orders = {"prometheus": program, "commands": {part: of_runbook(text) for part, text in PARTS.items()}}
    command = [sys.executable, "-m", "lab.denials.cilium", json.dumps(orders)]
    with enclosed(command, own_variables(), subprocess.PIPE) as inside:
        output, _ = inside.communicate()
        assert inside.returncode == 0
    found: Row = json.loads(output)
    return found


def test_each_command_of_the_runbook_that_runs_in_a_pod_of_cilium_is_tried() -> None:
    assert {each.text for each in commands(ENGLISH) if each.is_for_cilium} == {
        of_runbook(PARTS[part]) for part in ("audited", "dropped")
    }


def undeclared(rows: list[Row]) -> Iterator[Row]:
    yield from (call for call in rows if not call["declared"])


def is_about(denial: Row, call: Row) -> bool:
    return (
        call["from"] in denial["addresses"]["src"]
        and bool({call["called"], call["to"]} & set(denial["addresses"]["dst"]))
        and (denial["port"], denial["protocol"]) == (call["port"], NUMBERS[call["protocol"]])
    )


def listed(state: Row) -> tuple[list[Row], list[Row]]:
    """Return the attempts that no denial is about, and the denials that are about no attempt."""
    calls, denials = list(undeclared(state["tried"])), state["listed"]["denials"]
    return (
        [call for call in calls if not any(is_about(denial, call) for denial in denials)],
        [denial for denial in denials if not any(is_about(denial, call) for call in calls)],
    )


def test_in_a_rehearsal_nothing_is_dropped(seen: Row) -> None:
    tried = seen["rehearsal"]["tried"]

    assert {call["answer"] for call in tried if call["declared"]} == {"connected"}
    # No pod listens on the unused ports: the kernel of the pod says so.
    assert {call["answer"] for call in undeclared(tried) if call["protocol"] == "TCP"} == {"connected", "refused"}


def test_a_rehearsal_lists_each_undeclared_connection_with_its_policy_and_the_line_that_would_allow_it(
    seen: Row,
) -> None:
    shown = seen["rehearsal"]["listed"]

    assert listed(seen["rehearsal"]) == ([], [])
    assert (shown["question"], shown["status"], shown["total"]["malformed"]) == ("what would be denied", 0, 0)
    for denial in shown["denials"]:
        assert (denial["declared"], denial["disposition"], denial["layer"]) == (False, "passed", "pod")
        assert all("flash-ticket/" in each for each in denial["decides"])
        assert denial["allow"]["line"] or denial["allow"]["before"]


def test_a_rehearsal_raises_no_alert_and_verify_notes_it(seen: Row) -> None:
    found = json.loads(seen["rehearsal"]["verify"]["stdout"])["findings"]

    assert seen["rehearsal"]["firing"] == []
    assert seen["rehearsal"]["states"].keys() == CILIUM_ALERTS
    assert "policy-audit-mode is true, as declared" in [each["what"] for each in found if each["kind"] == "noted"]


def test_after_it_undeclared_connections_are_denied_and_the_command_says_which(seen: Row) -> None:
    tried = seen["enforced"]["tried"]

    assert {(call["declared"], call["answer"]) for call in tried} == {(True, "connected"), (False, "silent")}
    assert listed(seen["enforced"]) == ([], [])
    assert (seen["enforced"]["listed"]["question"], seen["enforced"]["listed"]["status"]) == ("what was denied", 0)


def test_declared_traffic_alone_raises_no_alert(seen: Row) -> None:
    assert seen["silent"]["answers"] == ["connected"]
    assert seen["silent"]["firing"] == []
    about_traffic = CILIUM_ALERTS - {Alert.METRIC_MISSING, Alert.METRIC_LABELS_MISSING}
    assert {seen["silent"]["states"][each] for each in about_traffic} == {"inactive"}


def test_cilium_counts_a_denied_packet_twice_among_the_drops_and_the_rules_count_it_once(seen: Row) -> None:
    values = seen["enforced"]["values"]

    assert values["verdicts"] > 0
    assert values["drops"] == 2 * values["verdicts"]
    assert values["counted"] == values["ours"]


def test_each_packet_counts_once_although_hubble_writes_two_lines(seen: Row) -> None:
    shown = seen["enforced"]["listed"]
    counted = shown["counted"]

    assert counted["lines"] > counted["packets"] > 0
    assert sum(each["lines"] for each in shown["denials"]) + shown["elsewhere"] == counted["packets"]
    assert sum(shown["aside"].values()) == counted["aside"]
    assert shown["total"]["malformed"] == 0


def test_almost_every_line_of_the_export_is_attributed_and_the_rest_is_counted_by_kind(seen: Row) -> None:
    shown = seen["enforced"]["listed"]

    assert shown["total"]["attributed"] >= 0.99 * shown["total"]["read"] > 0
    assert sum(each["lines"] for each in shown["unattributed"]) == shown["total"]["unattributed"]


def test_a_follower_prints_each_denial_and_each_refused_name_of_an_export_that_is_rotated(seen: Row) -> None:
    measured = [*seen["followed"], seen["name"]["followed"]]
    files = seen["enforced"]["listed"]["files"]
    sys.stdout.write(f"{measured} s; {files} files\n")

    assert len(measured) > 1
    assert None not in measured
    assert files > 1


def test_only_a_declared_name_opens_the_way_to_its_address(seen: Row) -> None:
    names, silent = seen["names"], "silent"
    mirror, other = "mirror.payments.svc.example.net", "other.payments.svc.example.net"

    # DNS answers every name. An address is closed until the pod has resolved a declared name that has it.
    assert names["addresses"]["provider"] in names["others"][mirror]
    assert names["addresses"]["stranger"] in names["others"][other]
    assert "Address" in names["others"]["kubernetes.default.svc.cluster.local"].partition("Name:")[2]
    assert names["before"] == {"provider": silent, "provider on another port": silent, "stranger": silent}
    assert names["addresses"]["provider"] in names["declared"]
    assert names["after"] == {"provider": "connected", "provider on another port": silent, "stranger": silent}


def test_a_denied_name_that_hubble_knows_is_proposed_by_its_name(seen: Row) -> None:
    by_port = {each["port"]: each["allow"] for each in seen["names"]["denied"]["denials"]}
    mirror, other = "mirror.payments.svc.example.net", "other.payments.svc.example.net"

    assert by_port.keys() == {443, 8443}
    declared = "Add to externals of traffic.yaml: mirror-payments-svc-example-net: {domains: "
    assert by_port[443]["before"] == [
        f"{declared}[{mirror}, {other}], ports: [443]}}",
        "Keep only the names that the pods need: they asked DNS for all of them, and got 198.51.100.77, 198.51.100.78",
    ]
    assert by_port[8443]["before"] == [f"{declared}[{mirror}], ports: [8443]}}"]


def test_a_name_that_the_proxy_refuses_is_listed_with_its_rule(seen: Row) -> None:
    shown = seen["name"]["listed"]

    assert shown["refused_names"] != []
    for refused in shown["refused_names"]:
        assert refused["src"] == "gateway"
        assert refused["name"].startswith("flash-pay.flash-ticket.svc.cluster.local")
        assert refused["rules"] == [
            {
                "policy": "CiliumNetworkPolicy flash-ticket/one-name",
                "place": "spec.egress[0].toPorts[0].rules.dns",
                "allows": ["kubernetes.default.svc.cluster.local"],
            }
        ]
    assert sum(each["queries"] for each in shown["refused_names"]) == shown["counted"]["queries"]


def test_a_name_that_the_proxy_refuses_is_counted(seen: Row) -> None:
    assert "REFUSED" in seen["name"]["said"]
    assert seen["name"]["counted"] >= 1
    assert seen["name"]["verdicts"] >= 1


def rings(seen: Row) -> dict[str, Row]:
    return {
        **seen["pairs"],
        Alert.DECLARED_FLOW_DENIED: seen["cut"],
        Alert.METRIC_LABELS_MISSING: seen["other"],
        Alert.METRIC_MISSING: seen["blind"],
    }


@pytest.mark.parametrize("alert", sorted(CILIUM_ALERTS))
def test_each_deployed_alert_fires_on_what_it_is_for(seen: Row, alert: Alert) -> None:
    rung = rings(seen)[alert]

    assert rung["unwell"] == []
    assert "firing" in rung["history"]
    for each in rung["alerts"]:
        page, _, section = each["annotations"]["runbook_url"].partition("#")
        assert page == "https://wiki.example.com/runbook"
        assert section in anchors(ENGLISH)
        assert each["labels"]["severity"] == alert.severity


def test_a_denied_declared_flow_is_named_by_its_ends(seen: Row) -> None:
    (alert,) = seen["cut"]["alerts"]

    assert (alert["labels"]["source"], alert["labels"]["destination"]) == ("flash-api", "flash-pay")
    assert "traffic.yaml declares a flow to pay" in alert["annotations"]["description"]


@pytest.mark.parametrize("alert", [Alert.NEW_DENIED_PAIR, Alert.DENIED_TRAFFIC])
def test_undeclared_denials_ring_alone(seen: Row, alert: Alert) -> None:
    states = seen["pairs"][alert]["states"]

    silent = CILIUM_ALERTS - {Alert.NEW_DENIED_PAIR, Alert.DENIED_TRAFFIC}
    # A scrape that is late makes its series seem to be missing for a moment.
    assert {states[each] for each in silent} <= {"inactive", "pending"}


@pytest.mark.parametrize(
    ("part", "code", "said"),
    [
        ("metrics", 0, "policy:sourceContext="),
        ("on", 0, "configmap/cilium-config patched"),
        ("restart", 0, "daemonset.apps/cilium restarted"),
        ("audited", 0, "Not declared, and would be denied"),
        ("off", 0, "configmap/cilium-config patched"),
        (
            "dropped",
            1,
            "Declared but denied: fix these (1)\n\napi => pay : TCP 3100",
        ),  # its policy was gone for a while
    ],
)
def test_each_command_of_the_runbook_for_cilium_prints_what_its_step_explains(
    seen: Row, part: str, code: int, said: str
) -> None:
    ran = seen["dropped"] if part == "dropped" else seen["commands"][part]

    assert ran["code"] == code, ran
    assert said in ran["stdout"]
    assert "Traceback" not in ran["stderr"]
