"""``denied --audit``: what Cilium's audit mode lets pass, and which line of traffic.yaml would allow it."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from flash_ticket.traffic.denials.cause import Suspect
from tests.support.command.flash_firewall import run
from tests.support.declared.accounts import ROOT
from tests.support.traffic.incident import DEV, INVENTORY, NIGHT, REDIS
from tests.support.traffic.made_up_night import API, GATEWAY, PAY, agent

NONE_AUDITED = (
    "note: no line shows audited traffic: either nothing would be denied, or Cilium is not in audit mode "
    "(policy-audit-mode)"
)


def verdict(word: str, source: str, destination: str, port: int, **fields: object) -> str:
    """Return Hubble's line for the verdict of a policy about one opening packet."""
    flow = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NIGHT + 60)),
        "verdict": word,
        "IP": {"source": source, "destination": destination, "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": port, "flags": {"SYN": True}}},
        "event_type": {"type": 5},
        "traffic_direction": "EGRESS",
        "is_reply": False,
    }
    return json.dumps({"flow": flow | fields, "node_name": "n"})


BY_RULE = [{"name": "no-redis", "namespace": "flash-ticket", "kind": "CiliumNetworkPolicy"}]
REHEARSED = (
    verdict("AUDIT", GATEWAY, REDIS, 6379),
    verdict("AUDIT", GATEWAY, REDIS, 6379),
    verdict("FORWARDED", GATEWAY, REDIS, 6379),
    verdict("AUDIT", API, PAY, 3100, egress_denied_by=BY_RULE),
    verdict("FORWARDED", API, REDIS, 6379),
)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """The logs of a rehearsal on Cilium, and the inventory."""
    environment = replace(DEV, cluster=replace(DEV.cluster, cni=CniName.CILIUM))
    (tmp_path / "inventory.json").write_text(
        inventory_json(replace(INVENTORY, environment=environment)), encoding="utf-8"
    )
    (tmp_path / "hubble.json").write_text("\n".join(REHEARSED) + "\n", encoding="utf-8")
    return tmp_path


def ask(night: Path, *arguments: str | Path) -> Result:
    return run("denied", *arguments, "--stack", "dev", "--project", ROOT, "--inventory", night / "inventory.json")


def document(night: Path, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(night, *arguments, "--output", "json").stdout)
    return found


def test_what_was_audited_is_listed_by_flow_and_policy_with_the_line_that_would_allow_it(night: Path) -> None:
    result = ask(night, night / "hubble.json", "--audit")

    shown = result.stdout.splitlines()
    heads = [each for each in shown if " => " in each or each.startswith(("Declared", "Not declared"))]
    assert heads == [
        "Declared but would be denied: fix these (1)",
        "api => pay : TCP 3100  1 line, 2026-11-24T03:01:00Z",
        "Not declared, and would be denied (1)",
        "gateway => redis : TCP 6379  2 lines, 2026-11-24T03:01:00Z",
    ]
    assert "  audited: it passed, and the pod layer would stop it (Hubble); 1 line passed that layer" in shown
    assert any("flash-ticket/04-allow-egress-gateway govern gateway" in each for each in shown)
    assert "    - {from: gateway, to: redis, ports: [6379]}" in shown
    assert "2 lines show traffic that passed, 0 show traffic that was stopped elsewhere" in shown
    assert "3 lines show traffic that would be stopped" in shown
    assert result.exit_code == 1


def test_no_cause_of_an_audited_connection_is_invented(night: Path) -> None:
    declared, other = document(night, night / "hubble.json", "--audit")["denials"]

    assert Suspect.NO_POLICY.value not in [each["suspect"] for each in declared["causes"]]
    assert (declared["declared"], declared["disposition"], declared["allow"]) == (True, "passed", None)
    assert (other["declared"], other["lines"], other["passed_lines"]) == (False, 2, 1)


def test_json_says_which_question_it_answers(night: Path) -> None:
    audited, stopped = (document(night, night / "hubble.json", *flags) for flags in (["--audit"], []))

    assert (audited["question"], audited["audited"], audited["passed"]) == ("what would be denied", 3, 2)
    assert (stopped["question"], stopped["audited"], stopped["denials"]) == ("what was denied", 3, [])
    assert (audited["holds"], stopped["holds"]) == (False, True)


def test_without_the_option_audited_traffic_is_no_denial_and_a_note_names_the_option(night: Path) -> None:
    result = ask(night, night / "hubble.json")

    assert result.exit_code == 0
    assert "Nothing was denied." in result.stdout
    note = "note: 3 lines show traffic that passed only because Cilium audits its policies and enforces none: --audit"
    assert note in result.stdout


def test_a_log_without_audited_lines_says_that_the_mode_may_be_off(night: Path) -> None:
    path = night / "enforced.json"
    path.write_text(verdict("DROPPED", GATEWAY, REDIS, 6379) + "\n", encoding="utf-8")

    result = ask(night, path, "--audit")

    assert result.exit_code == 0
    assert "Nothing of this would be denied." in result.stdout
    assert NONE_AUDITED in result.stdout.splitlines()


def test_a_network_plugin_that_cannot_audit_is_refused_with_the_way_to_the_same_answer(night: Path) -> None:
    (night / "inventory.json").write_text(inventory_json(INVENTORY), encoding="utf-8")
    (night / "agent.log").write_text(agent(API, PAY, 3100) + "\n", encoding="utf-8")

    result = ask(night, night / "agent.log", "--audit")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: --audit: cluster.cni.name is vpc-cni, and only Cilium can audit policies without enforcing them. Run "
        "flash-firewall replay over flow logs: it lists the recorded traffic that the firewall would stop.\n"
    )
