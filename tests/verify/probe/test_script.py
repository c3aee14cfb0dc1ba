"""The script in a real shell, against real sockets of this machine, with each tool that a container may have."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.verify.probe.script import TOOLS, ProbeOutcome, answers, command

_NOWHERE = "255.255.255.255"
"""No TCP connection can be opened to the broadcast address: Linux says that there is no way."""


@pytest.fixture(scope="module")
def ends() -> Iterator[dict[ProbeOutcome, tuple[str, int]]]:
    """A port that listens, one that nobody listens on, one that takes no more, and a host that cannot be."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        unheard = stack.enter_context(socket.socket())
        unheard.bind(("127.0.0.1", 0))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # the kernel drops what comes when its queue is full, as a firewall drops
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        yield {
            ProbeOutcome.CONNECTED: listening.getsockname(),
            ProbeOutcome.REFUSED: unheard.getsockname(),
            ProbeOutcome.TIMED_OUT: full.getsockname(),
            ProbeOutcome.UNREACHABLE: (_NOWHERE, 9),
        }


def having(folder: Path, *tools: str) -> dict[str, str]:
    """Return the environment of a container that has a shell and these tools alone."""
    for tool in ("sh", *tools):
        found = sys.executable if tool == "python3" else shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not on this machine")
        (folder / tool).symlink_to(found)
    return {"PATH": str(folder)}


def said(environment: dict[str, str], ends: list[tuple[str, int]]) -> str:
    argv = command(1, ends)
    shell = str(Path(environment["PATH"]) / argv[0])
    ran = subprocess.run([shell, *argv[1:]], env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
    assert not ran.stderr
    return ran.stdout


NETCAT = {
    "Connection to 127.0.0.1 43671 port [tcp/*] succeeded!": ProbeOutcome.CONNECTED,
    "nc: connect to 127.0.0.1 port 35827 (tcp) failed: Connection refused": ProbeOutcome.REFUSED,
    "nc: connect to 127.0.0.1 port 41323 (tcp) timed out: Operation now in progress": ProbeOutcome.TIMED_OUT,
    "nc: connect to 255.255.255.255 port 9 (tcp) failed: Network is unreachable": ProbeOutcome.UNREACHABLE,
    'nc: getaddrinfo for host "no.such" port 1: Name or service not known': ProbeOutcome.UNRESOLVED,
    "nc: invalid option -- 'v' BusyBox v1.35.0 Usage: nc [-iN] [-wN] -w SEC Connect timeout": ProbeOutcome.UNKNOWN,
    "": ProbeOutcome.UNKNOWN,
}
"""What netcat says: OpenBSD's 1.219, and of the last but one BusyBox 1.35 as Debian builds it."""


@pytest.mark.parametrize(("words", "outcome"), NETCAT.items(), ids=NETCAT.values())
def test_what_netcat_says_is_understood(words: str, outcome: ProbeOutcome, tmp_path: Path) -> None:
    environment = having(tmp_path)
    status = 0 if outcome is ProbeOutcome.CONNECTED else 1
    (tmp_path / "nc").write_text(f"#!/bin/sh\necho {shlex.quote(words)} >&2\nexit {status}\n")
    (tmp_path / "nc").chmod(0o755)

    assert answers(said(environment, [("127.0.0.1", 1)]), 1) == (outcome,)


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "nc"])
def test_each_tool_tells_the_four_apart(tool: str, ends: dict[ProbeOutcome, tuple[str, int]], tmp_path: Path) -> None:
    tools = (tool, "timeout") if tool == "bash" else (tool,)
    told = answers(said(having(tmp_path, *tools), list(ends.values())), len(ends))

    assert told == tuple(ends)


def test_a_container_without_a_tool_says_so(ends: dict[ProbeOutcome, tuple[str, int]], tmp_path: Path) -> None:
    assert answers(said(having(tmp_path), list(ends.values())[:2]), 2) == (ProbeOutcome.NO_TOOL, ProbeOutcome.NO_TOOL)


def test_a_host_is_never_read_as_part_of_the_script(tmp_path: Path) -> None:
    trace = tmp_path / "was-here"
    hosts = [f"$(touch {trace})", f"`touch {trace}`", f"'; touch {trace}; '", f'"; touch {trace} #']
    (tmp_path / "tools").mkdir()
    environment = having(tmp_path / "tools", "python3", "touch")
    told = answers(said(environment, [(host, 1) for host in hosts]), len(hosts))

    assert ProbeOutcome.CONNECTED not in told
    assert not trace.exists()


@given(st.text() | st.lists(st.sampled_from(["0 connected", "7 refused", "1 no", "-1 refused", "²  x"])).map("\n".join))
def test_whatever_a_container_prints_there_is_one_outcome_for_each_end(text: str) -> None:
    assert len(answers(text, 3)) == 3


def test_what_is_no_answer_says_nothing() -> None:
    text = "0 connected\n9 connected\n1 maybe\nhello\n02 refused\n2 timed-out" + os.linesep

    assert answers(text, 3) == (ProbeOutcome.CONNECTED, ProbeOutcome.UNKNOWN, ProbeOutcome.TIMED_OUT)
