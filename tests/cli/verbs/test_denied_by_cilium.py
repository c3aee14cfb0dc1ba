"""``denied`` on Hubble's export as users see it: refused names, drops that no policy made, lost events, rotation."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from flash_ticket.traffic.attribution.inventory import Inventory, NameRule
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import run
from tests.support.declared.accounts import ROOT
from tests.support.traffic.incident import INVENTORY, NIGHT

PAY, RESOLVER, ROUTER = "10.10.10.31", "10.10.11.3", "10.244.0.1"
RULE = NameRule(
    "CiliumNetworkPolicy flash-ticket/pay-names",
    "spec.egress[0].toPorts[0].rules.dns",
    "flash-ticket",
    (("app", "flash-pay"),),
    ("api.example",),
)
PAY_END = {"labels": ["k8s:app=flash-pay", "k8s:io.kubernetes.pod.namespace=flash-ticket"]}
API_END = {"namespace": "flash-ticket", "labels": ["k8s:app=flash-api"], "pod_name": "api-1"}
DNS_END = {"labels": ["k8s:k8s-app=kube-dns", "k8s:io.kubernetes.pod.namespace=kube-system"]}
NOW = -1.0
"""The time of a line that is written now."""


def line(at: float = 60.0, **changes: object) -> str:
    """Return a line about a packet from pay to the resolver on TCP 4000 that a policy drops."""
    moment = time.time() if at == NOW else NIGHT + at
    written = time.strftime("%Y-%m-%dT%H:%M:%S.5Z", time.gmtime(moment))
    flow = {
        "time": written,
        "verdict": "DROPPED",
        "IP": {"source": PAY, "destination": "10.10.10.21", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 4000, "flags": {"SYN": True}}},
        "source": PAY_END,
        "destination": API_END,
        "Type": "L3_L4",
        "node_name": "n",
        "event_type": {"type": 1},
        "traffic_direction": "EGRESS",
        "drop_reason_desc": "POLICY_DENIED",
        **changes,
    }
    kept = {key: value for key, value in flow.items() if value is not None}
    return json.dumps({"flow": kept, "node_name": "n", "time": written}, separators=(",", ":")) + "\n"


def query(name: str, at: float = 60.0) -> str:
    return line(
        at,
        IP={"source": PAY, "destination": RESOLVER},
        l4={"UDP": {"source_port": 40000, "destination_port": 53}},
        destination=DNS_END,
        Type="L7",
        l7={"type": "REQUEST", "dns": {"query": name, "qtypes": ["A"]}},
        event_type={"type": 129},
        drop_reason_desc=None,
    )


PROBE = line(
    verdict="FORWARDED",
    IP={"source": ROUTER, "destination": "10.10.10.21"},
    source={"identity": 1, "labels": ["reserved:host"]},
    drop_reason_desc=None,
    event_type={"type": 4},
    trace_observation_point="TO_ENDPOINT",
    is_reply=False,
)
SOLICITATION = line(
    IP={"source": "fe80::1", "destination": "ff02::2"},
    l4={"ICMPv6": {"type": 133}},
    drop_reason_desc="UNSUPPORTED_L3_PROTOCOL",
)
LOST = '{"lost_events":{"source":"OBSERVER_EVENTS_QUEUE","num_events_lost":"7"},"node_name":"n"}\n'
EXPORT = (line(event_type={"type": 5}), line(), query("Example.com."), query("example.com."), PROBE, SOLICITATION, LOST)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def ask(place: Path, *arguments: str | Path, inventory: Inventory = INVENTORY) -> Result:
    path = place / "inventory.json"
    path.write_text(inventory_json(replace(inventory, name_rules=(RULE,))), encoding="utf-8")
    return run("denied", *arguments, "--stack", "dev", "--project", ROOT, "--inventory", path)


def export(place: Path, *lines: str) -> Path:
    path = place / "events.log"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_the_report_lists_names_with_their_rule_and_counts_the_rest_apart(place: Path) -> None:
    result = ask(place, path := export(place, *EXPORT))

    assert result.exit_code == 0
    shown = result.stdout.splitlines()
    assert [each for each in shown if " => " in each] == ["pay => api : TCP 4000  1 line, 2026-11-24T03:01:00Z"]
    begin = shown.index("Names that a DNS rule refused (1)")
    assert shown[begin + 2 : begin + 8] == [
        "pay asked for example.com  2 queries, 2026-11-24T03:01:00Z",
        "  refused by the DNS proxy of Cilium (Hubble)",
        f"  from {PAY} (flash-ticket/pay-1); to {RESOLVER}",
        "  CiliumNetworkPolicy flash-ticket/pay-names, spec.egress[0].toPorts[0].rules.dns allows only api.example",
        "  a line of that rule would allow it (nobody has declared that it should be open):",
        "    - matchName: example.com",
    ]
    assert "read = attributed + unattributed + malformed: 4 = 4 + 0 + 0" in shown
    assert "repeated, 1 line: the verdict and the drop of one denied packet count once" in shown
    assert "dropped, but not denied by a policy, 1 line: 1 router solicitation" in shown
    (note,) = [each for each in shown if "lost" in each]
    assert note.startswith(f"note: {path}: Hubble lost 7 events, so denied traffic may be missing here")


def test_json_has_the_same(place: Path) -> None:
    path = export(place, *EXPORT)
    found: dict[str, Any] = json.loads(ask(place, path, "--output", "json").stdout)

    (refused,) = found["refused_names"]
    assert (refused["src"], refused["name"], refused["queries"]) == ("pay", "example.com", 2)
    assert refused["rules"] == [{"policy": RULE.policy, "place": RULE.place, "allows": ["api.example"]}]
    assert refused["allow"] == {"line": "- matchName: example.com"}
    assert (found["repeated"], found["lost"], found["aside"]) == (1, 7, {"router solicitation": 1})
    assert [len(each["notes"]) for each in found["sources"]] == [1]
    assert (found["total"]["read"], found["total"]["attributed"], found["holds"]) == (4, 4, True)


def test_the_two_lines_of_a_packet_may_be_in_two_files(place: Path) -> None:
    files = [place / "events-2026-11-24T02-00-00.000.log", place / "events.log"]
    for path, kind in zip(files, (5, 1), strict=True):
        path.write_text(line(event_type={"type": kind}), encoding="utf-8")

    for named in (files, files[::-1]):
        found = json.loads(ask(place, *named, "--output", "json").stdout)
        assert (found["total"]["read"], found["repeated"], [each["lines"] for each in found["denials"]]) == (1, 1, [1])


def test_a_compressed_copy_beside_a_rotated_file_is_not_counted_twice(place: Path) -> None:
    folder = place / "hubble"
    folder.mkdir()
    export(folder, line())
    for name in ("events-2026-11-24T02-00-00.000.log", "events-2026-11-24T02-00-00.000.log.gz"):
        (folder / name).write_text(line(), encoding="utf-8")

    found = json.loads(ask(place, folder, "--output", "json").stdout)

    assert found["total"]["read"] == 2


def test_follow_reports_names_and_loss_once_and_misses_nothing_when_the_export_is_rotated(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(place, query("a.example", NOW))
    lost = LOST.replace('"node_name"', f'"time":"{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}","node_name"')

    def rotate() -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(query("b.example", NOW))
        path.rename(place / "events-2026-11-24T03-00-00.000.log")

    rounds = iter(["loss", "rotation", "", line(NOW)])
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        match next(rounds, None):
            case "loss":
                path.write_text(path.read_text(encoding="utf-8") + lost + lost, encoding="utf-8")
            case "rotation":
                rotate()
            case None:
                raise KeyboardInterrupt
            case begun:
                path.write_text(begun, encoding="utf-8")

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(place, path, "--follow", "--output", "json", inventory=replace(INVENTORY, pods=()))

    shown = [json.loads(each) for each in result.stdout.splitlines()]
    assert [each.get("name") or each["port"] for each in shown] == ["a.example", "b.example", 4000]
    (note,) = result.stderr.splitlines()
    assert note.startswith(f"note: {path}: Hubble lost 14 events")
    assert max(pauses) < 2
