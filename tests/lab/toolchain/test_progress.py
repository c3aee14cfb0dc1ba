import io
import re
import subprocess
import sys

import pytest

from lab.toolchain import progress
from lab.toolchain.progress import Progress, Step

BUILDS = (Step("etcd", 120), Step("pulumi", 600), Step("kubectl", 60))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def started(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> Progress:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return Progress("building", BUILDS, stream)


def test_a_line_says_what_runs_and_what_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    building = started(monkeypatch, stream)

    with building.next():
        pass

    first, *_, last = stream.getvalue().splitlines()
    assert first == "lab: [1 of 3] building etcd (once); about 7 min left; then pulumi, kubectl"
    assert re.fullmatch(r"lab: \[1 of 3\] building etcd \(once\): done in \d+ s", last)


def test_the_last_step_has_none_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    building = started(monkeypatch, stream)

    for _ in BUILDS:
        with building.next():
            pass

    assert "lab: [3 of 3] building kubectl (once); about 1 min left\n" in stream.getvalue()


def test_the_processor_time_of_what_a_step_starts_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    used = iter((10.0, 620.4))
    monkeypatch.setattr(progress, "_processor_seconds", lambda: next(used))

    with started(monkeypatch, stream).next():
        pass

    assert stream.getvalue().endswith(" s, 610 s of processor time\n")


def test_the_processor_time_is_that_of_ended_children() -> None:
    before = progress._processor_seconds()  # noqa: SLF001 - what a step's line is made of
    subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)

    assert progress._processor_seconds() > before  # noqa: SLF001 - likewise


def test_a_step_that_fails_says_so_and_lets_the_error_through(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()

    with pytest.raises(RuntimeError, match="the disk is full"), started(monkeypatch, stream).next():
        raise RuntimeError("the disk is full")

    assert re.search(r"building etcd \(once\): failed after \d+ s\n$", stream.getvalue())


def test_on_a_terminal_one_line_is_renewed_and_never_longer_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()

    with started(monkeypatch, terminal).next():
        pass

    _, first, *_, last = terminal.getvalue().split("\r\033[K")
    assert first == "lab: [1 of 3] building etcd (once); about 7 min left; th..."
    assert len(first) < 60
    assert re.fullmatch(r"lab: \[1 of 3\] building etcd \(once\): done in \d+ s\n", last)


def test_where_nobody_knows_how_long_it_takes_no_minutes_are_shown() -> None:
    stream = io.StringIO()

    with Progress("downloading", (Step("Pulumi"), Step("kubectl")), stream).next():
        pass

    assert stream.getvalue().startswith("lab: [1 of 2] downloading Pulumi (once); then kubectl\n")
