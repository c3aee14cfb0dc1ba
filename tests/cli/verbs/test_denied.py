"""``denied`` on the files of a made-up night: the logs of each layer, both output formats, and every wrong input."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from flash_ticket.traffic.attribution.inventory import ClusterService
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, run
from tests.support.declared.accounts import ROOT
from tests.support.traffic.flow_log_writing import write_parquet
from tests.support.traffic.incident import DATABASE, INVENTORY, NIGHT, RABBITMQ, REDIS, STRANGER
from tests.support.traffic.made_up_night import API, DEBUG, GATEWAY, PAY, REUSED, agent, flow, write_night


def hubble(source: str, labels: list[str], destination: str, port: int) -> str:
    """Return a line of Hubble's export."""
    flow_ = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NIGHT + 60)),
        "verdict": "DROPPED",
        "drop_reason_desc": "POLICY_DENIED",
        "IP": {"source": source, "destination": destination, "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": port, "flags": {"SYN": True}}},
        "source": {"namespace": "flash-ticket", "labels": labels, "pod_name": "stray-1"},
        "traffic_direction": "EGRESS",
    }
    return json.dumps({"flow": flow_, "node_name": "n"})


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write_night(tmp_path)


def ask(night: Path, *arguments: str | Path) -> Result:
    return run("denied", *arguments, "--stack", "dev", "--project", ROOT, "--inventory", night / "inventory.json")


def document(night: Path, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(night, *arguments, "--output", "json").stdout)
    return found


def test_declared_denials_are_listed_first(night: Path) -> None:
    result = ask(night, night / "flows", night / "agent.log")

    assert result.exit_code == 1
    assert result.stderr == ""
    shown = result.stdout.splitlines()
    heads = [each for each in shown if " => " in each or each.startswith(("Declared", "Not declared"))]
    assert heads == [
        "Declared but denied: fix these (2)",
        "api => redis : TCP 6379  5 lines, 2026-11-24T03:00:00Z to 2026-11-24T03:04:05Z",
        "api => pay : TCP 3100  1 line, 2026-11-24T03:01:40Z to 2026-11-24T03:01:45Z",
        "Not declared, and denied (4)",
        "api => another pod of flash-ticket : TCP 3100  1 line, 2026-11-24T03:01:00Z",
        "api => redis : TCP 6380  1 line, 2026-11-24T03:01:00Z to 2026-11-24T03:01:05Z",
        "another pod of flash-ticket => pay : TCP 3100  2 lines, 2026-11-24T03:01:00Z to 2026-11-24T03:01:30Z",
        "the internet => pay : TCP 22  1 line, 2026-11-24T03:01:00Z to 2026-11-24T03:01:05Z",
    ]
    assert "  likely: the interface eni-api-2 of api (10.10.10.22) lacks sg-own-api, sg-own-pods.flash-ticket" in shown
    assert "    - {from: host-192-0-2-66, to: pay, ports: [22]}" in shown


def test_the_report_ends_with_totals_that_add_up(night: Path) -> None:
    flows, policy = night / "flows", night / "agent.log"

    shown = ask(night, flows, policy).stdout.splitlines()

    begin = next(number for number, each in enumerate(shown) if each.endswith(" source"))
    assert [each.split() for each in shown[begin : begin + 4]] == [
        ["read", "attributed", "unattributed", "malformed", "NODATA", "SKIPDATA", "other", "source"],
        ["30", "28", "1", "1", "1", "1", "0", str(flows)],
        ["3", "3", "0", "0", "0", "0", "0", str(policy)],
        ["33", "31", "1", "1", "1", "1", "0", "all"],
    ]
    assert "read = attributed + unattributed + malformed: 33 = 31 + 1 + 1" in shown
    assert any(each.startswith("unattributed, 1 line: uncertain: ") and REUSED in each for each in shown)
    assert any(each.startswith("malformed, the first: ") and "a.parquet" in each for each in shown)
    assert any(each.startswith("SKIPDATA: AWS lost the records") for each in shown)


def test_a_note_says_what_the_logs_of_one_layer_cannot_show(night: Path) -> None:
    flows, policy, both = (
        ask(night, *paths).stdout
        for paths in ([night / "flows"], [night / "agent.log"], [night / "flows", night / "agent.log"])
    )

    assert "note: only flow logs were read: they show neither drops by NetworkPolicies as REJECT" in flows
    assert "note: only the pod layer's logs were read (AWS network policy agent)" in policy
    assert "note: only" not in both


def test_json_holds_everything(night: Path) -> None:
    found = document(night, night / "flows", night / "agent.log")

    assert (found["stack"], found["holds"], found["passed"], found["elsewhere"]) == ("dev", False, 20, 0)
    first = found["denials"][0]
    assert (first["src"], first["dst"], first["port"], first["layer"]) == ("api", "redis", 6379, "vpc")
    assert (first["declared"], first["lines"], first["passed_lines"], first["allow"]) == (True, 5, 20, None)
    assert first["causes"][0]["suspect"] == "missing group"
    assert found["total"]["read"] == sum(found["total"][key] for key in ("attributed", "unattributed", "malformed"))
    assert [each["name"] for each in found["sources"]] == [str(night / "flows"), str(night / "agent.log")]


def test_the_name_and_labels_in_a_hubble_log_identify_a_pod(night: Path) -> None:
    path = night / "hubble.json"
    path.write_text(hubble("10.10.10.99", ["k8s:app=flash-gatewayy"], API, 4000) + "\n", encoding="utf-8")

    (denial,) = document(night, path)["denials"]

    assert (denial["src"], denial["dst"]) == ("another pod of flash-ticket", "api")
    assert denial["causes"][0]["suspect"] == "labels"
    assert denial["pods"]["src"] == [
        {"namespace": "flash-ticket", "name": "stray-1", "labels": {"app": "flash-gatewayy"}}
    ]


def test_service_and_since_narrow_the_answer(night: Path) -> None:
    narrowed = document(night, night / "flows", "--service", "pay", "--since", "2026-11-24T03:01:30Z")

    assert [(each["src"], each["lines"]) for each in narrowed["denials"]] == [("api", 1)]
    assert narrowed["total"]["read"] < 33


def test_a_denial_of_an_address_that_ends_in_zero_is_found(night: Path) -> None:
    """The agent writes 172.20.112 for the Service address 172.20.112.0."""
    gateway = ClusterService("flash-ticket", "gateway", ("172.20.112.0",), (("app", "flash-gateway"),), ())
    inventory = replace(INVENTORY, services=(*INVENTORY.services, gateway))
    (night / "inventory.json").write_text(inventory_json(inventory), encoding="utf-8")
    (night / "agent.log").write_text(agent(API, "172.20.112", 3000, direction="egress") + "\n", encoding="utf-8")

    found = document(night, night / "agent.log")

    (denial,) = found["denials"]
    assert (denial["src"], denial["dst"], denial["port"], denial["declared"]) == ("api", "gateway", 3000, False)
    assert denial["addresses"]["dst"] == ["172.20.112.0"]
    assert (found["total"]["malformed"], found["total"]["attributed"]) == (0, 1)


def test_without_declared_denials_it_exits_0(night: Path) -> None:
    quiet = write_parquet(night / "quiet" / "a.parquet", [flow(STRANGER, PAY, 22)])

    assert ask(night, quiet.parent).exit_code == 0
    assert ask(night, quiet.parent, "--service", "api").stdout.startswith("Nothing was denied.")


def test_a_scan_of_many_ports_is_one_paragraph(night: Path) -> None:
    write_parquet(night / "scan" / "a.parquet", [flow(STRANGER, PAY, port) for port in range(1, 900)])

    shown = ask(night, night / "scan").stdout.splitlines()

    assert shown[2].startswith("the internet => pay : TCP 1-899  899 lines")
    assert "; on 899 ports, none of them declared" in shown[3]
    assert len(shown) < 15


def test_a_long_answer_is_cut_and_says_so(night: Path) -> None:
    """Up to four ports of a pair get a paragraph each: these are 64 paragraphs."""
    stores = (REDIS, RABBITMQ, DATABASE, STRANGER)
    write_parquet(
        night / "many" / "a.parquet",
        [flow(pod, to, 7000 + port) for pod in (GATEWAY, API, PAY, DEBUG) for to in stores for port in range(4)],
    )

    shown = ask(night, night / "many").stdout.splitlines()

    assert len([each for each in shown if " => " in each]) == 50
    assert "and 14 more; --output json lists all" in shown
    assert len(document(night, night / "many")["denials"]) == 64


EVIL = "\x1b[31mred\x1b[0m\u202e=cmd()"


def test_text_of_logs_cannot_write_control_characters(night: Path) -> None:
    path = night / "hubble.json"
    path.write_text(hubble("10.10.10.99", [f"k8s:app={EVIL}"], API, 4000) + "\n" + EVIL + "\n", encoding="utf-8")

    for form in ("txt", "json"):
        shown = ask(night, path, "--output", form).stdout
        assert all(each.isprintable() for each in shown.splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.log"], "SOURCE: 'nowhere.log' is not there"),
        (["agent.log", "--since", "yesterday"], "--since: 'yesterday' is neither a time nor how long ago"),
        (["agent.log", "--since", "2026-13-01"], "--since: "),
        (["agent.log", "--service", "redis"], "--service: 'redis' is not a service. Name one of: api, gateway, pay."),
        (["agent.log", "--inventory", "none.json"], "none.json: it cannot be read"),
        (["agent.log", "--inventory", "agent.log"], "agent.log: it is not JSON"),
        (["gopher://x/y"], "SOURCE: "),
        (["s3://"], "s3://: it names no bucket"),
        (["-", "--follow"], "-: standard input can be read once"),
        (["agent.log", "--follow", "--engine", "athena"], "--engine: athena: "),
    ],
)
def test_wrong_options_fail_with_one_line(
    night: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(night)

    result = ask(night, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_inventory_of_another_stack_or_matrix_is_refused(night: Path, tmp_path: Path) -> None:
    other = run(
        "denied", night / "agent.log", "--stack", "prod", "--inventory", night / "inventory.json", "--project", ROOT
    )
    project = copy_project(tmp_path / "project")
    text = (project / "traffic.yaml").read_text(encoding="utf-8")
    (project / "traffic.yaml").write_text(
        text.replace("externals:", "externals:\n  smtp: {ports: [25]}"), encoding="utf-8"
    )
    unbound = run("denied", night / "agent.log", "--inventory", night / "inventory.json", "--project", project)

    assert other.stderr == "error: --inventory: it is of the stack dev, not of prod. Name one of this stack.\n"
    assert unbound.exit_code == 2
    assert "externals.smtp: it has no place in the environment dev" in unbound.stderr
