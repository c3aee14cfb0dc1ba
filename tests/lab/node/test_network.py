"""The network namespaces of pods."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.node import network

ROUTED = """
ip link add inside type veth peer name outside
ip link set inside up
ip link set outside up
ip route add default dev inside
"""
ADDRESSED = f"{ROUTED}ip address add 198.18.101.2/32 dev inside\n"


@pytest.fixture
def pod(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The network namespace of the only pod, after some commands in it."""
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    monkeypatch.setattr(network, "_NAMES", tmp_path)
    script = f"set -e\n{request.param}echo ready\nread\n"
    command = ["unshare", "--net", "bash", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the lines above
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        path = tmp_path / "cni-1"
        path.symlink_to(f"/proc/{process.pid}/ns/net")
        yield path
        process.stdin.close()


@pytest.mark.parametrize("pod", [ADDRESSED], indirect=True)
def test_a_pod_is_found_by_its_address(pod: Path) -> None:
    assert network.pod_namespaces() == {"198.18.101.2": pod}


@pytest.mark.parametrize("pod", [ROUTED], indirect=True)
@pytest.mark.usefixtures("pod")
def test_a_pod_without_an_address_yet_is_left_out() -> None:
    assert network.pod_namespaces() == {}
