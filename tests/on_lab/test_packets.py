"""Real connections between real pods under the enforcer that EKS runs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure import cgroups
from lab.enclosure.needs import missing

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    if lacking := missing():
        pytest.skip(lacking)


def packets(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this project's own module
        [sys.executable, "-m", "lab", "packets", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """The comparison for the shop in dev, then those for five random declarations."""
    process = packets("--stack", "dev", "--random", "5", "--output", "json")
    output, _ = process.communicate()
    assert process.returncode == 0
    return [line for line in json.loads(output) if "declaration" in line]


def test_packets_do_what_the_analyzer_says_for_every_pair_of_the_shop_and_of_random_declarations(
    found: list[dict[str, Any]],
) -> None:
    assert len(found) == 6
    assert [each for line in found for each in (*line["differences"], *line["unsaid"])] == []


def test_each_stopped_connection_is_in_the_agents_own_log_and_nothing_else_is(found: list[dict[str, Any]]) -> None:
    for line in found:
        logged = line["logged"]
        assert logged.pop("stopped") > 0
        assert logged == {"missing": [], "invented": [], "malformed": 0}


def test_something_passes_and_something_is_stopped(found: list[dict[str, Any]]) -> None:
    assert all(0 < line["passing"] < line["tried"] for line in found)


def processes_below(process: int) -> Iterator[Path]:
    """Yield the folders in /proc of what runs in a process's enclosure."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if f"={cgroups.PREFIX}{process}-".encode() in (entry / "environ").read_bytes():
                yield entry


def namespaces_below(process: int) -> Iterator[str]:
    """Yield the namespaces of processes and of networks that a process's enclosure has."""
    for entry in processes_below(process):
        with contextlib.suppress(OSError):
            yield from (str((entry / "ns" / kind).readlink()) for kind in ("pid", "net"))


def inhabited(namespaces: set[str]) -> set[str]:
    """Return those of some namespaces that a process is in."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        for kind in ("pid", "net"):
            try:
                found.add(str((entry / "ns" / kind).readlink()))
            except OSError:
                continue
    return found & namespaces


@pytest.mark.parametrize("program", ["kubelet", "aws-network-policy-agent"])
def test_a_program_of_the_node_that_ends_is_named(program: str) -> None:
    process = packets("--stack", "dev", "--random", "9")
    assert process.stdout
    assert process.stdout.readline()
    (killed,) = (each for each in processes_below(process.pid) if (each / "exe").readlink().name == program)
    os.kill(int(killed.name), signal.SIGKILL)
    _, errors = process.communicate()
    assert f"lab: {program} has ended with -9" in errors
    assert process.returncode == 2


@pytest.mark.parametrize("at", ["once it is there", "while connections are tried"])
def test_nothing_is_left_of_a_node_whose_owner_is_killed(at: str) -> None:
    process = packets("--stack", "dev", "--random", "9")
    assert process.stdout
    lines = 1 if at == "once it is there" else 2
    for _ in range(lines):
        assert process.stdout.readline()
    own = {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("pid", "net")}
    inside = set(namespaces_below(process.pid)) - own
    assert inside
    process.send_signal(signal.SIGKILL)
    process.communicate()

    def is_left() -> bool:
        groups = [each for each in cgroups.left() if each.name.startswith(f"{cgroups.PREFIX}{process.pid}-")]
        return bool(groups or inhabited(inside))

    end = time.monotonic() + PATIENCE_SECONDS
    while is_left() and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_left()
