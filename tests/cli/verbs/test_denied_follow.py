"""``denied --follow`` prints what is new at its own pace, goes on after a failure, and ends cleanly."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from flash_ticket.cli import recorded_traffic
from flash_ticket.cli.recorded_traffic import FollowedTraffic
from flash_ticket.cli.verbs import denied as verb
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import run
from tests.support.declared.accounts import ROOT
from tests.support.traffic.incident import INVENTORY, NIGHT, STRANGER
from tests.support.traffic.made_up_night import API, DEBUG, GATEWAY, PAY, agent, write_night


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write_night(tmp_path)


def ask(night: Path, *arguments: str | Path) -> Result:
    return run("denied", *arguments, "--stack", "dev", "--project", ROOT, "--inventory", night / "inventory.json")


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

    shown = [json.loads(each) for each in result.stdout.splitlines()]
    assert [(each["src"], each["declared"], each["lines"]) for each in shown] == [
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

    (denial,) = [json.loads(each) for each in result.stdout.splitlines()]
    assert denial["lines"] == 1
    assert result.stderr == (
        f"note: {path}: 1 line cannot be read and is missing here. "
        f"The first: {path}:3: it is cut: a part of the line is missing\n"
    )
    assert len(pauses) == 5


@pytest.mark.parametrize("source", ["growing.log", "."])
def test_follow_waits_for_the_first_line_of_an_empty_file_or_folder(
    night: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() - NIGHT
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    path = night / "empty" / "growing.log"
    path.parent.mkdir()
    path.touch()
    rounds = iter(["", agent(DEBUG, PAY, 3100, at=now - 5) + "\n", "", agent(GATEWAY, API, 4000, at=now - 1) + "\n"])

    def sleep(_: float) -> None:
        more = next(rounds, None)
        if more is None:
            raise KeyboardInterrupt
        with path.open("a", encoding="utf-8") as file:
            file.write(more)

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(night, path.parent / source, "--follow", "--output", "json")

    shown = [json.loads(each) for each in result.stdout.splitlines()]
    assert [(each["dst"], each["lines"]) for each in shown] == [("pay", 1), ("api", 1)]
    assert (result.stderr, result.exit_code) == ("", 1)


def test_follow_goes_on_when_the_log_begins_again(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent renames a log that is full. The next one is empty at first, and a slow look finds it like that."""
    now, clock = time.time() - NIGHT, [100.0]
    (night / "inventory.json").write_text(inventory_json(kept_alive(INVENTORY)), encoding="utf-8")
    path = night / "agent.log"
    path.write_text(agent(DEBUG, PAY, 3100, at=now - 10) + "\n", encoding="utf-8")
    rounds = iter(["", agent(GATEWAY, API, 4000, at=now - 1) + "\n"])

    def sleep(_: float) -> None:
        more = next(rounds, None)
        if more is None:
            raise KeyboardInterrupt
        path.write_text(more, encoding="utf-8")
        clock[0] += 10

    monkeypatch.setattr("flash_ticket.cli.recorded_traffic.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)

    result = ask(night, path, "--follow", "--output", "json")

    assert [json.loads(each)["dst"] for each in result.stdout.splitlines()] == ["pay", "api"]
    assert result.stderr == ""


def test_an_empty_file_is_refused_without_follow(night: Path) -> None:
    path = night / "empty.log"
    path.touch()

    result = ask(night, path)

    assert result.exit_code == 2
    assert f"{path}: is empty" in result.stderr


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
    """With a look that takes less than a second, a denial is printed within two seconds. The first look is another."""
    looks = iter([9.0, 7.0, 0.2])
    clock, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    def look() -> None:
        clock[0] += next(looks)

    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.sleep", sleep)
    monkeypatch.setattr("flash_ticket.cli.verbs.denied.time.monotonic", lambda: clock[0])
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

    def read() -> list[str]:
        return [each.name for each in followed.read(since).totals]

    assert read() == sources
    clock[0] += 9.0
    assert read() == sources[1:]
    clock[0] += 1.0
    assert sources in iter(read, None)  # as soon as the thread has read them
    assert read() == sources[1:]


def test_follow_reads_the_pod_layer_while_cluster_and_account_do_not_answer(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, answering, asked = [100.0], threading.Event(), []
    ask_them = recorded_traffic.inventory

    def slow_inventory(*arguments: Any) -> Inventory:  # noqa: ANN401 - those of the real one
        asked.append(arguments)
        if len(asked) > 1:
            answering.wait()
        return ask_them(*arguments)

    monkeypatch.setattr("flash_ticket.cli.recorded_traffic.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("flash_ticket.cli.recorded_traffic.inventory", slow_inventory)
    followed = FollowedTraffic(ROOT, "dev", [str(night / "agent.log")], [night / "inventory.json"])
    since = "2026-11-24T03:00Z"

    first = followed.read(since)
    clock[0] += 10.0
    while_asking = [followed.read(since), followed.read(since)]
    answering.set()

    assert len(asked) == 2
    assert all(each.inventory is first.inventory for each in while_asking)
    assert [each.totals for each in while_asking] == [first.totals] * 2
    assert any(each.inventory is not first.inventory for each in iter(lambda: followed.read(since), None))


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
