"""The script runs in a real shell, connects to real local sockets, and works with each tool of a container."""

import json
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

from flash_ticket.verify.probe.plan import CONNECTION_SECONDS
from flash_ticket.verify.probe.script import TOOLS, ProbeOutcome, answers, command

_NOWHERE = "255.255.255.255"
"""Linux opens no TCP connection to the broadcast address: it reports that the network is unreachable."""


@pytest.fixture(scope="module")
def ends() -> Iterator[dict[ProbeOutcome, tuple[str, int]]]:
    """A port that accepts, a port without a listener, a port with a full queue, and a host that cannot exist."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        unheard = stack.enter_context(socket.socket())
        unheard.bind(("127.0.0.1", 0))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # the kernel drops packets when the queue is full, as a firewall does
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
    """Return the environment of a container that has a shell and only these tools."""
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
"""The output of OpenBSD's netcat 1.219; the last but one line is from BusyBox 1.35 as Debian builds it."""


@pytest.mark.parametrize(("words", "outcome"), NETCAT.items(), ids=NETCAT.values())
def test_output_of_netcat_is_read_correctly(words: str, outcome: ProbeOutcome, tmp_path: Path) -> None:
    environment = having(tmp_path)
    status = 0 if outcome is ProbeOutcome.CONNECTED else 1
    (tmp_path / "nc").write_text(f"#!/bin/sh\necho {shlex.quote(words)} >&2\nexit {status}\n")
    (tmp_path / "nc").chmod(0o755)

    assert answers(said(environment, [("127.0.0.1", 1)]), 1) == (outcome,)


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "nc"])
def test_each_tool_reports_the_four_outcomes(
    tool: str, ends: dict[ProbeOutcome, tuple[str, int]], tmp_path: Path
) -> None:
    tools = (tool, "timeout") if tool == "bash" else (tool,)
    outcomes = answers(said(having(tmp_path, *tools), list(ends.values())), len(ends))

    assert outcomes == tuple(ends)


FILTERED = r"""
import json, socket, subprocess, sys
rules, argv, environment = json.loads(sys.argv[1])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "route", "add", "prohibit", "192.0.2.1"], check=True)
for port, target in rules:
    command = ["iptables", "-A", "INPUT", "-p", "tcp", "--dport", str(port), "-j", *target]
    subprocess.run(command, check=True)
listening = [socket.create_server(("127.0.0.1", port)) for port, _ in rules]
sys.exit(subprocess.run(argv, env=environment).returncode)
"""
"""Filters ports of a network namespace of its own, where something listens on each, and runs a command there.

The kernel there does not permit a connection to 192.0.2.1.
"""

TARGETS = {
    "kube-router": (["REJECT", "--reject-with", "icmp-port-unreachable"], ProbeOutcome.REFUSED),
    "a reset": (["REJECT", "--reject-with", "tcp-reset"], ProbeOutcome.REFUSED),
    "administratively prohibited": (["REJECT", "--reject-with", "icmp-admin-prohibited"], ProbeOutcome.UNREACHABLE),
    "silence": (["DROP"], ProbeOutcome.TIMED_OUT),
    "nothing": (["ACCEPT"], ProbeOutcome.CONNECTED),
}


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "ip", "iptables"))),
    reason="a network namespace of its own needs root, unshare, ip and iptables",
)
@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "nc"])
def test_each_tool_sees_a_real_filter_in_its_own_way(tool: str, tmp_path: Path) -> None:
    """A connection that iptables rejects is refused although something listens there.

    The kernel may take note of an ICMP answer only when it tries again after one second. A connection that it does not
    send at all shows nothing.
    """
    tools = (tool, "timeout") if tool == "bash" else (tool,)
    environment = having(tmp_path, *tools)
    rules = [(4000 + number, target) for number, (target, _) in enumerate(TARGETS.values())]
    argv = command(CONNECTION_SECONDS, [*(("127.0.0.1", port) for port, _ in rules), ("192.0.2.1", 9)])
    given = json.dumps([rules, [str(tmp_path / argv[0]), *argv[1:]], environment])

    ran = subprocess.run(  # noqa: S603 - our own script
        ["unshare", "--net", sys.executable, "-c", FILTERED, given],  # noqa: S607 - looked for above
        capture_output=True,
        text=True,
        check=True,
    )

    expected = (*(outcome for _, outcome in TARGETS.values()), ProbeOutcome.UNKNOWN)
    assert answers(ran.stdout, len(expected)) == expected


def test_a_container_without_a_tool_reports_that(ends: dict[ProbeOutcome, tuple[str, int]], tmp_path: Path) -> None:
    assert answers(said(having(tmp_path), list(ends.values())[:2]), 2) == (ProbeOutcome.NO_TOOL, ProbeOutcome.NO_TOOL)


def test_the_shell_never_runs_a_host_as_code(tmp_path: Path) -> None:
    trace = tmp_path / "was-here"
    hosts = [f"$(touch {trace})", f"`touch {trace}`", f"'; touch {trace}; '", f'"; touch {trace} #']
    (tmp_path / "tools").mkdir()
    environment = having(tmp_path / "tools", "python3", "touch")
    outcomes = answers(said(environment, [(host, 1) for host in hosts]), len(hosts))

    assert ProbeOutcome.CONNECTED not in outcomes
    assert not trace.exists()


@given(st.text() | st.lists(st.sampled_from(["0 connected", "7 refused", "1 no", "-1 refused", "²  x"])).map("\n".join))
def test_any_output_gives_one_outcome_for_each_end(text: str) -> None:
    assert len(answers(text, 3)) == 3


def test_lines_that_are_not_an_answer_are_ignored() -> None:
    text = "0 connected\n9 connected\n1 maybe\nhello\n02 refused\n2 timed-out" + os.linesep

    assert answers(text, 3) == (ProbeOutcome.CONNECTED, ProbeOutcome.UNKNOWN, ProbeOutcome.TIMED_OUT)
