import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.enclosure import cgroups
from lab.enclosure.enclosure import enclosed
from lab.enclosure.needs import missing

REPOSITORY = Path(__file__).parents[3]
OWNER = """
import os, sys
from lab.enclosure.enclosure import enclosed
with enclosed(["sh", "-c", "readlink /proc/self/ns/pid; sleep 2147483647 & sleep 2147483647"], os.environ):
    sys.stdin.read()
"""
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    if lacking := missing():
        pytest.skip(lacking)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    assert is_so()


def inhabited(namespace: str) -> bool:
    """Return whether a process is in a namespace of processes."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "ns" / "pid").readlink()) == namespace:
                return True
        except OSError:
            continue
    return False


def groups_of(process: int) -> list[Path]:
    return [each for each in cgroups.left() if each.name.startswith(f"{cgroups.PREFIX}{process}-")]


def test_a_command_has_a_network_of_its_own_without_a_way_out() -> None:
    with enclosed(["ls", "/proc/sys/net/ipv4/conf"], os.environ, subprocess.PIPE) as inside:
        output, _ = inside.communicate()
    assert output.split() == ["all", "default", "lo"]


def test_the_exit_code_is_the_commands() -> None:
    with enclosed(["sh", "-c", "exit 3"], os.environ) as inside:
        assert inside.wait() == 3


def test_a_command_that_still_runs_ends_with_the_block() -> None:
    with enclosed(["sleep", "2147483647"], os.environ) as inside:
        assert groups_of(os.getpid())
    assert inside.poll() is not None
    assert not groups_of(os.getpid())


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_owner_is_killed(ending: signal.Signals) -> None:
    owner = subprocess.Popen(  # noqa: S603 - the lines above
        [sys.executable, "-c", OWNER],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    namespace = owner.stdout.readline().strip()
    assert inhabited(namespace)
    assert groups_of(owner.pid)
    owner.send_signal(ending)
    owner.communicate()
    wait_until(lambda: not inhabited(namespace) and not groups_of(owner.pid))


def test_what_a_killed_run_of_the_past_left_is_removed_by_the_next() -> None:
    ended = subprocess.Popen(["true"])  # noqa: S607 - any command
    ended.wait()
    left = f"{cgroups.PREFIX}{ended.pid}-past"
    for hierarchy in cgroups.hierarchies():
        (hierarchy / left / "pods").mkdir(parents=True)
    with enclosed(["true"], os.environ) as inside:
        inside.wait()
    assert not groups_of(ended.pid)
