"""``denied`` on the files of a made-up night: the logs of each layer, both output formats, and every wrong input."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from flash_ticket.cli.recorded_traffic import FollowedTraffic
from flash_ticket.cli.verbs import denied as verb
from flash_ticket.traffic.attribution.inventory import ClusterService, Inventory
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, run
from tests.support.declared.accounts import ROOT
from tests.support.naive.naive_flow_log import Line
from tests.support.traffic.flow_log_writing import write_parquet
from tests.support.traffic.incident import DATABASE, INVENTORY, NIGHT, RABBITMQ, REDIS, STRANGER

GATEWAY, API, API_BARE, PAY = "10.10.10.11", "10.10.10.21", "10.10.10.22", "10.10.10.31"
DEBUG, PAY_MISLABELLED, REUSED = "10.10.10.41", "10.10.10.42", "10.10.10.60"


def flow(source: str, destination: str, port: int, *, at: float = 60, action: str = "REJECT") -> Line:
    """Return a line of a flow log for an opening packet."""
    begin = int(NIGHT + at)
    ends = (source, destination, source, destination)
    return Line("eni-x", *ends, 40_000, port, 6, 2, "ingress", begin, begin + 5, action)


def answer(call: Line) -> Line:
    """Return the line of the reply."""
    back = replace(call, srcaddr=call.dstaddr, dstaddr=call.srcaddr, srcport=call.dstport, dstport=call.srcport)
    return replace(back, pkt_srcaddr=call.pkt_dstaddr, pkt_dstaddr=call.pkt_srcaddr, tcp_flags=18)


def agent(source: str, destination: str, port: int, *, at: float = 60, direction: str = "ingress") -> str:
    """Return a line of the AWS network policy agent's log, in the format of 1.3.0 and later."""
    written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NIGHT + at))
    message = (
        f"Flow Info: Src IP: {source} Src Port: 40000 Dest IP: {destination} Dest Port: {port} Proto TCP Verdict DENY "
        f"Direction {direction}, Tier NETWORK_POLICY"
    )
    caller = "events/events.go:193"
    return json.dumps({"level": "info", "ts": written, "logger": "ebpf-client", "caller": caller, "msg": message})


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


ANSWERED = [flow(API, REDIS, 6379, at=at, action="ACCEPT") for at in range(0, 600, 60)]
FLOWS = [
    *(flow(API_BARE, REDIS, 6379, at=at) for at in range(0, 300, 60)),
    *ANSWERED,
    *map(answer, ANSWERED),
    flow(STRANGER, PAY, 22),
    flow(API, REDIS, 6380),
    flow(REUSED, PAY, 3100, at=100),
    flow(REUSED, PAY, 3100, at=1100),
    replace(flow(API, REDIS, 6379), log_status="NODATA"),
    replace(flow(API, REDIS, 6379), log_status="SKIPDATA"),
    replace(flow(API, REDIS, 6379), action="MAYBE"),
]


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Both layers' logs and the inventory."""
    write_parquet(tmp_path / "flows" / "a.parquet", FLOWS)
    lines = [agent(DEBUG, PAY, 3100), agent(DEBUG, PAY, 3100, at=90), agent(API, PAY_MISLABELLED, 3100)]
    (tmp_path / "agent.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "inventory.json").write_text(inventory_json(INVENTORY), encoding="utf-8")
    return tmp_path


def ask(night: Path, *arguments: str | Path) -> Result:
    return run("denied", *arguments, "--stack", "dev", "--project", ROOT, "--inventory", night / "inventory.json")


def document(night: Path, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(night, *arguments, "--output", "json").stdout)
    return found


def test_declared_denials_are_listed_first(night: Path) -> None:
    result = ask(night, night / "flows", night / "agent.log")

    assert result.exit_code == 1
    assert result.stderr == ""
    told = result.stdout.splitlines()
    heads = [each for each in told if " => " in each or each.startswith(("Declared", "Not declared"))]
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
    assert "  likely: the interface eni-api-2 of api (10.10.10.22) lacks the group sg-own-api" in told
    assert "    - {from: host-192-0-2-66, to: pay, ports: [22]}" in told


def test_the_report_ends_with_totals_that_add_up(night: Path) -> None:
    flows, policy = night / "flows", night / "agent.log"

    told = ask(night, flows, policy).stdout.splitlines()

    begin = next(number for number, each in enumerate(told) if each.endswith(" source"))
    assert [each.split() for each in told[begin : begin + 4]] == [
        ["read", "attributed", "unattributed", "malformed", "NODATA", "SKIPDATA", "other", "source"],
        ["30", "28", "1", "1", "1", "1", "0", str(flows)],
        ["3", "3", "0", "0", "0", "0", "0", str(policy)],
        ["33", "31", "1", "1", "1", "1", "0", "all"],
    ]
    assert "read = attributed + unattributed + malformed: 33 = 31 + 1 + 1" in told
    assert any(each.startswith("unattributed, 1 line: uncertain: ") and REUSED in each for each in told)
    assert any(each.startswith("malformed, the first: ") and "a.parquet" in each for each in told)
    assert any(each.startswith("SKIPDATA: AWS lost the records") for each in told)


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

    told = ask(night, night / "scan").stdout.splitlines()

    assert told[2].startswith("the internet => pay : TCP 1-899  899 lines")
    assert "; on 899 ports, none of them declared" in told[3]
    assert len(told) < 15


def test_a_long_answer_is_cut_and_says_so(night: Path) -> None:
    """Up to four ports of a pair get a paragraph each: these are 64 paragraphs."""
    stores = (REDIS, RABBITMQ, DATABASE, STRANGER)
    write_parquet(
        night / "many" / "a.parquet",
        [flow(pod, to, 7000 + port) for pod in (GATEWAY, API, PAY, DEBUG) for to in stores for port in range(4)],
    )

    told = ask(night, night / "many").stdout.splitlines()

    assert len([each for each in told if " => " in each]) == 50
    assert "and 14 more; --output json lists all" in told
    assert len(document(night, night / "many")["denials"]) == 64


EVIL = "\x1b[31mred\x1b[0m\u202e=cmd()"


def test_text_of_logs_cannot_write_control_characters(night: Path) -> None:
    path = night / "hubble.json"
    path.write_text(hubble("10.10.10.99", [f"k8s:app={EVIL}"], API, 4000) + "\n" + EVIL + "\n", encoding="utf-8")

    for form in ("txt", "json"):
        told = ask(night, path, "--output", form).stdout
        assert all(each.isprintable() for each in told.splitlines())


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


def kept_alive(inventory: Inventory) -> Inventory:
    """Return the inventory as if its pods had always existed."""
    pods = tuple(replace(each, since=None, until=None) for each in inventory.pods)
    return replace(inventory, pods=tuple({each.addresses: each for each in pods}.values()))


def following(night: Path, source: Path) -> subprocess.Popen[str]:
    """Start the command with --follow."""
    module = [sys.executable, "-m", "flash_ticket.cli.main"]
    arguments = ["denied", str(source), "--follow", "--stack", "dev", "--inventory", str(night / "inventory.json")]
    return subprocess.Popen(  # noqa: S603 - our own code
        [*module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


def test_follow_prints_each_new_denial_once_and_ends_on_an_interrupt(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() - NIGHT
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    path = night / "growing.log"
    path.write_text(agent(DEBUG, PAY, 3100, at=now - 10) + "\n", encoding="utf-8")
    rounds = iter([agent(GATEWAY, API, 4000, at=now - 5), "", agent(DEBUG, PAY, 3100, at=now - 1)])

    def sleep(_: float) -> None:
        more = next(rounds, None)
        if more is None:
            raise KeyboardInterrupt
        with path.open("a", encoding="utf-8") as file:
            file.write(more + "\n" if more else "")

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(night, path, "--follow", "--output", "json")

    told = [json.loads(each) for each in result.stdout.splitlines()]
    assert [(each["src"], each["declared"], each["lines"]) for each in told] == [
        ("another pod of flash-ticket", False, 1),
        ("gateway", True, 1),
        ("another pod of flash-ticket", False, 2),
    ]
    assert result.exit_code == 1


def test_follow_reports_a_failed_look_and_goes_on(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = night / "agent.log"
    kept = path.read_text(encoding="utf-8")
    rounds = iter(["gone", "back"])

    def sleep(_: float) -> None:
        match next(rounds, ""):
            case "gone":
                path.unlink()
            case "back":
                path.write_text(kept, encoding="utf-8")
            case _:
                raise KeyboardInterrupt

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(night, path, "--follow")

    assert result.exit_code == 0
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("note: ")
    assert result.stderr.endswith("Looking again in 10 s.\n")


def test_follow_says_once_that_a_cut_line_is_missing_and_not_while_it_is_being_written(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() - NIGHT
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    path = night / "growing.log"
    whole = agent(DEBUG, PAY, 3100, at=now - 1)
    path.write_text(agent(STRANGER, PAY, 22, at=0) + "\n" + whole[:90], encoding="utf-8")
    rounds = iter([whole[90:] + "\n", whole[:90] + "\n", "", ""])
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        more = next(rounds, None)
        if more is None:
            raise KeyboardInterrupt
        with path.open("a", encoding="utf-8") as file:
            file.write(more)

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(night, path, "--follow", "--output", "json")

    (told,) = [json.loads(each) for each in result.stdout.splitlines()]
    assert told["lines"] == 1
    assert result.stderr == (
        f"note: {path}: 1 line cannot be read and is missing here. "
        f"The first: {path}:3: it is cut: a part of the line is missing\n"
    )
    assert len(pauses) == 5


def test_follow_prints_a_line_of_the_agent_at_its_own_pace(night: Path) -> None:
    """The command runs as it is. It prints a denial that is written while it pauses, before anything else is asked."""
    now = time.time() - NIGHT
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    path = night / "agent.log"
    path.write_text(agent(DEBUG, PAY, 3100, at=now - 10) + "\n", encoding="utf-8")
    with following(night, path) as process:
        assert process.stdout
        first = process.stdout.readline()
        with path.open("a", encoding="utf-8") as file:
            file.write(agent(GATEWAY, API, 4000, at=now) + "\n")
        second = next(line for line in process.stdout if line.startswith("declared"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert first.startswith("not declared: another pod of flash-ticket => pay : TCP 3100")
    assert second.startswith("declared: gateway => api : TCP 4000")
    assert process.returncode == 1


def test_follow_pauses_for_a_second_and_for_as_long_as_a_long_look_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a look that takes less than a second, a denial is printed within two seconds."""
    looks = iter([0.2, 7.0, 0.2])
    clock, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    def look() -> None:
        clock[0] += next(looks)

    monkeypatch.setattr(verb.time, "sleep", sleep)
    monkeypatch.setattr(verb.time, "monotonic", lambda: clock[0])
    verb.follow(look, verb._PAUSE)  # noqa: SLF001 - the pause that the command itself uses

    assert pauses == pytest.approx([1.0, 7.0, 1.0])


def test_follow_asks_cluster_and_account_and_reads_flow_logs_every_ten_seconds_only(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("flash_ticket.cli.recorded_traffic.time.monotonic", lambda: clock[0])
    sources = [str(night / "flows"), str(night / "agent.log")]
    followed = FollowedTraffic(ROOT, "dev", sources, [night / "inventory.json"])
    since = "2026-11-24T03:00Z"

    read = []
    for seconds in (0.0, 9.0, 1.0):
        clock[0] += seconds
        read.append([each.name for each in followed.read(since).totals])

    assert read == [sources, sources[1:], sources]


def test_follow_ends_cleanly_on_ctrl_c(night: Path) -> None:
    now = time.time() - NIGHT
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    (night / "agent.log").write_text(agent(DEBUG, PAY, 3100, at=now - 10) + "\n", encoding="utf-8")
    with following(night, night / "agent.log") as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)

    assert first.startswith("not declared: another pod of flash-ticket => pay : TCP 3100")
    assert (process.returncode, stderr) == (0, "")
