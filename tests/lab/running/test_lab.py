"""A lab leaves nothing behind, however it ends."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.running.child import find_marked
from lab.running.engine import Engine
from lab.running.lab import Lab, LabError
from lab.surroundings import REGION
from lab.toolchain.kits import Toolchain

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[3]
CALLER = """
import time
from lab.running.lab import Lab
with Lab.start(clusters=("dev",)) as lab:
    print(lab.folder, flush=True)
    time.sleep(600)
"""


def s3(lab: Lab) -> Any:  # noqa: ANN401 - boto3 clients have no static type
    session: Any = boto3.Session("lab", "lab", region_name=REGION)
    return session.client("s3", endpoint_url=lab.aws_endpoint)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_caller_leaves_nothing_behind(end: signal.Signals) -> None:
    command = [sys.executable, "-c", CALLER]
    with subprocess.Popen(  # noqa: S603 - written above
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as caller:
        assert caller.stdout
        folder = Path(caller.stdout.readline().strip())
        (supervisor,) = (process for process in find_marked_supervisors(folder))
        caller.send_signal(end)
        caller.wait()
    wait_for_end(supervisor)

    assert not folder.exists()
    assert find_marked(str(folder)) == []


def find_marked_supervisors(folder: Path) -> list[int]:
    """Return the ids of the processes that run the supervisor of the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"lab.running.supervisor" in arguments and str(folder).encode() in arguments:
            found.append(int(entry.name))
    return found


def wait_for_end(process: int) -> None:
    """Wait until a process that is not a child of this one has ended."""
    subprocess.run(["tail", "--pid", str(process), "-f", "/dev/null"], check=True, timeout=60)  # noqa: S603, S607


def test_two_labs_at_once_are_independent(lab: Lab) -> None:
    with Lab.start(lab.toolchain, clusters=()) as other:
        s3(other).create_bucket(Bucket="only-there", CreateBucketConfiguration={"LocationConstraint": REGION})

        assert other.folder != lab.folder
        assert other.aws_endpoint != lab.aws_endpoint
        assert "only-there" not in [bucket["Name"] for bucket in s3(lab).list_buckets()["Buckets"]]
    assert s3(lab).list_buckets()


def test_a_killed_engine_leaves_no_plugin_running(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: endless\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(
        "import time, pulumi_aws\npulumi_aws.get_caller_identity()\nwhile True: time.sleep(1)\n"
    )
    engine = Engine(lab, "dev", tmp_path, lab.unshared())
    engine.run("stack", "init", "dev").checked()

    def plugins() -> set[int]:
        marked = find_marked(str(lab.folder))
        return {each for each in marked if b"pulumi" in Path(f"/proc/{each}/cmdline").read_bytes()}

    before = plugins()
    with pytest.raises(subprocess.TimeoutExpired):
        engine.run("preview", "--stack", "dev", seconds=10)

    assert plugins() - before == set()


def test_a_server_that_does_not_start_is_reported_with_its_output(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
    broken.chmod(0o755)
    tools = lab.toolchain

    with (
        pytest.raises(LabError, match="the disk is full"),
        Lab.start(Toolchain((tmp_path, *tools.folders), tools.plugins, tools.environment)),
    ):
        pytest.fail("the lab has started")


def test_programs_cannot_reach_real_accounts_and_clusters(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "somebody's")
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")

    environment = lab.env("prod")

    assert "AWS_PROFILE" not in environment
    assert "PULUMI_ACCESS_TOKEN" not in environment
    assert environment["KUBECONFIG"] == str(lab.kubeconfigs["prod"])
