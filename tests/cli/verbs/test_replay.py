"""``replay`` on the command line: it reads logs, a saved inventory and a proposed matrix, and prints an answer."""

import json
from pathlib import Path

import pytest

from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.traffic.incident import API, GATEWAY, NIGHT, PAY, REDIS, address_of

HEADER = (
    "version account-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol packets bytes "
    "start end action log-status tcp-flags flow-direction"
)
FLOW_REMOVED = ("{from: pay, to: [rabbitmq, redis, database]}", "{from: pay, to: [rabbitmq, database]}")


def call(source: str, destination: str, port: int, action: str = "ACCEPT") -> list[str]:
    """Return what the source's interface sees of one connection: the call, and the reply if there is one."""
    begin, end = int(NIGHT) + 60, int(NIGHT) + 120
    head, tail = "7 111122223333 eni-0123456789abcdef0", f"{begin} {end} {action} OK"
    said = [f"{head} {source} {destination} {source} {destination} 40001 {port} 6 9 900 {tail} 2 egress"]
    if action == "ACCEPT":
        said.append(f"{head} {destination} {source} {destination} {source} {port} 40001 6 9 900 {tail} 18 ingress")
    return said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project", "dev")


@pytest.fixture
def flow_log(tmp_path: Path) -> Path:
    """Gateway calls api and pay calls Redis; pay also tries an unknown address and fails."""
    path = tmp_path / "flows.log"
    lines = [
        HEADER,
        *call(address_of(GATEWAY), address_of(API), 4000),
        *call(address_of(PAY), REDIS, 6379),
        *call(address_of(PAY), "192.0.2.66", 4444, "REJECT"),
        "this is no line of a flow log",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def proposed(project: Path, tmp_path: Path) -> Path:
    """The matrix without pay's flow to Redis."""
    path = tmp_path / "proposed.yaml"
    path.write_text((project / "traffic.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    edit(path, *FLOW_REMOVED)
    return path


def test_replay_of_todays_matrix_cuts_nothing(project: Path, inventory: Path, flow_log: Path) -> None:
    result = run("replay", flow_log, "--project", project, "--stack", "dev", "--inventory", inventory)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("traffic.yaml would cut nothing that was recorded as working.\n")
    assert "2 connections (pair and port) worked and would still work." in result.stdout
    assert "read = attributed + unattributed + malformed: 6 = 5 + 0 + 1" in result.stdout
    assert "only flow logs were read" in result.stdout


def test_replay_lists_what_a_proposed_matrix_would_cut_and_exits_1(
    project: Path, inventory: Path, flow_log: Path, proposed: Path
) -> None:
    result = run(
        "replay", flow_log, "--matrix", proposed, "--project", project, "--stack", "dev", "--inventory", inventory
    )

    assert result.exit_code == 1, result.output
    cut, _, rest = result.stdout.partition("Open, but not used by any recorded traffic")
    assert cut.startswith("Would be cut by proposed.yaml (1)\n")
    assert "  pay => redis : TCP 6379  2 lines, " in cut
    assert "stopped by the pod layer: Egress: flash-ticket/00-default-deny" in cut
    assert "stopped by the vpc layer: Egress: pay, pods.flash-ticket govern pay" in cut
    assert "  api => rabbitmq : TCP 5672\n" in rest
    assert "pay => redis" not in rest


def test_replay_writes_the_same_as_json(project: Path, inventory: Path, flow_log: Path, proposed: Path) -> None:
    result = run(
        *("replay", flow_log, "--matrix", proposed, "--project", project, "--inventory", inventory),
        *("--output", "json"),
    )

    found = json.loads(result.stdout)
    assert (found["stack"], found["matrix"], found["holds"]) == ("dev", "proposed.yaml", False)
    assert [(cut["src"], cut["dst"], cut["port"], cut["lines"]) for cut in found["cuts"]] == [("pay", "redis", 6379, 2)]
    assert [stop["layer"] for stop in found["cuts"][0]["stops"]] == ["pod", "vpc"]
    assert found["cuts"][0]["allowed_today"] is True
    total = found["total"]
    assert total["read"] == total["attributed"] + total["unattributed"] + total["malformed"]
    assert sum(found["lines"].values()) == total["attributed"]


def test_replay_with_since_reads_only_later_records(
    project: Path, inventory: Path, flow_log: Path, proposed: Path
) -> None:
    result = run(
        *("replay", flow_log, "--matrix", proposed, "--project", project, "--inventory", inventory),
        *("--since", "2026-11-24T04:00Z"),
    )

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("redis: {ports: [6379]}", "cache: {ports: [6379]}", "redis is neither a service nor an external"),
        ("externals:", "externals:\n  smtp: {ports: [25]}", "externals.smtp: it has no place in the environment dev"),
        ("namespace: flash-ticket", "namespace: shop", "shop is not the namespace of today's matrix"),
    ],
)
def test_a_matrix_that_cannot_be_replayed_fails_with_one_clear_line(  # noqa: PLR0913, PLR0917 - fixtures and cases
    project: Path, inventory: Path, flow_log: Path, proposed: Path, old: str, new: str, said: str
) -> None:
    edit(proposed, old, new)

    result = run("replay", flow_log, "--matrix", proposed, "--project", project, "--inventory", inventory)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: proposed.yaml: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_matrix_or_log_fails_with_one_clear_line(project: Path, inventory: Path, flow_log: Path) -> None:
    for arguments in ((flow_log, "--matrix", project / "none.yaml"), (project / "none.log",)):
        result = run("replay", *arguments, "--project", project, "--inventory", inventory)

        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert len(result.stderr.splitlines()) == 1
