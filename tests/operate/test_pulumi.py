"""A verb drives Pulumi: its output is shown at once, an interrupt ends it properly, and one line says why it failed.

Here the engine is a script.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.pulumi import Stack
from lab.running import child
from tests.support.declared.accounts import ROOT

_HEAD = """#!/bin/sh
[ "$1" = version ] && echo v3.259.0 && exit
"""
_UPDATE = """
import signal
from pathlib import Path
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate import pulumi
from flash_ticket.operate.pulumi import Stack
pulumi._SECONDS_TO_END = 0.1
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, under which these tests may run, ignores it
try:
    Stack(Path("."), "dev").up()
finally:
    Path("after").touch()
"""

Update = subprocess.Popen[str]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Stack]:
    """Make the engine a script, and return a stack that it runs."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(script: str) -> Stack:
        command = tmp_path / "pulumi"
        command.write_text(script, encoding="utf-8")
        command.chmod(0o700)
        return Stack(tmp_path, "dev")

    return make


@pytest.fixture
def updating(engine: Callable[[str], Stack], tmp_path: Path) -> Iterator[Callable[[str], Update]]:
    """Run an update by such an engine in its own process, which leads its group as at a terminal."""
    started: list[Update] = []

    def start(script: str) -> Update:
        engine(_HEAD + script)
        variables = {**os.environ, "PYTHONPATH": str(ROOT), child.MARK: str(tmp_path)}
        process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", _UPDATE],
            cwd=tmp_path,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    child.end_marked(str(tmp_path))  # the engine leads a group of its own
    for process in started:
        process.communicate()


def test_each_line_is_shown_while_the_engine_still_runs(updating: Callable[[str], Update], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    update = updating("echo begun; read line <go; echo ended")
    assert update.stdout
    assert update.stdout.readline() == "begun\n"

    (tmp_path / "go").write_text("on\n")

    assert update.stdout.readline() == "ended\n"
    assert update.wait() == 0


def test_an_interrupt_ends_the_engine_properly_before_the_verb_goes_on(
    updating: Callable[[str], Update], tmp_path: Path
) -> None:
    update = updating("trap 'sleep 1; ls; exit 1' INT; echo begun; while :; do sleep 0.1; done")
    assert update.stdout
    assert update.stdout.readline() == "begun\n"

    os.killpg(update.pid, signal.SIGINT)
    shown, said = update.communicate()

    assert "pulumi" in shown.split()
    assert "after" not in shown.split()
    assert (tmp_path / "after").exists()
    assert said.splitlines()[-1].endswith("pulumi up: it failed. Fix what it says above.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_of_the_verb_alone_ends_the_engine_properly_and_says_that_it_waits(
    number: signal.Signals, updating: Callable[[str], Update], tmp_path: Path
) -> None:
    update = updating("trap 'touch ended; exit 1' INT; echo begun; while :; do sleep 0.1; done")
    assert update.stdout
    assert update.stdout.readline() == "begun\n"

    os.kill(update.pid, number)
    _, said = update.communicate()

    assert (tmp_path / "ended").exists()
    assert said.startswith("interrupted: waiting for the engine, which ends what it has begun and records it.")
    assert "killing" not in said


def test_the_engine_is_killed_only_when_asked_a_second_time(updating: Callable[[str], Update], tmp_path: Path) -> None:
    update = updating("trap 'echo asked' INT; echo begun; while :; do sleep 0.1; done; touch ended")
    assert update.stdout
    assert update.stdout.readline() == "begun\n"

    os.kill(update.pid, signal.SIGINT)
    assert update.stdout.readline() == "asked\n"
    assert update.poll() is None
    os.kill(update.pid, signal.SIGINT)
    _, said = update.communicate()

    assert "killing the engine.\n" in said
    assert (tmp_path / "after").exists()
    assert not (tmp_path / "ended").exists()


def test_the_engine_ends_what_it_has_begun_even_if_nobody_reads_what_it_says(
    updating: Callable[[str], Update], tmp_path: Path
) -> None:
    update = updating("i=0; while [ $i -lt 5000 ]; do echo a long line of many words; i=$((i+1)); done; touch ended")
    assert update.stdout
    update.stdout.close()
    update.wait()

    assert (tmp_path / "ended").exists()


REFUSED = {
    "an error of several lines": (
        f"{_HEAD}echo 'error: no stack named\n  dev found.' >&2; exit 255",
        "pulumi stack output: dev: no stack named dev found. Fix it, such as with pulumi login.",
    ),
    "a version that is too old": (
        "#!/bin/sh\necho v2.1.0",
        "pulumi: Minimum version requirement failed. The minimum CLI version requirement is 3.1.0",
    ),
    "no version": ("#!/bin/sh\nexit 3", "pulumi: Command '['pulumi', 'version']' returned non-zero exit status 3"),
    "no program": ("no program", "pulumi: [Errno 8] Exec format error"),
}


@pytest.mark.parametrize(("script", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_engine_refuses_is_one_line(script: str, message: str, engine: Callable[[str], Stack]) -> None:
    with pytest.raises(InputError) as refused:
        engine(script).versions()

    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)
