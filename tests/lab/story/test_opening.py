"""The demo shows matrix, proof and picture while the tools are built, and an interrupt leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
GO = """#!/bin/sh
case "$1" in
env) echo go1.26.0 ;;
build) echo "$$" >{started}; read -r word <{released}; echo "the compiler has had enough" >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo on a machine with only Go installed; the first build waits until the test lets it fail."""

    process: subprocess.Popen[str]
    folder: Path

    def opening(self) -> list[str]:
        """Return the output up to the last line of the picture."""
        assert self.process.stdout
        shown = []
        for line in self.process.stdout:
            shown.append(line.rstrip())
            if "docs/shop.svg" in line:
                break
        return shown

    def builder(self) -> int:
        """Return the process of the first build, waiting for it to start."""
        return int((self.folder / "started").read_text())  # a pipe: the read waits for the write

    def rest(self) -> tuple[str, str]:
        """Return the rest of both streams, at their end."""
        return self.process.communicate()


def is_running(process: int) -> bool:
    """Return whether a process still does something; one that ended may wait a moment for its parent."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    for pipe in ("started", "released"):
        os.mkfifo(tmp_path / pipe)
    go.write_text(GO.format(started=tmp_path / "started", released=tmp_path / "released"))
    go.chmod(0o755)
    mirror = tmp_path / "mirror"
    provider = mirror / "registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5"
    provider.parent.mkdir(parents=True)
    provider.touch(0o755)
    (tmp_path / "terraform.rc").write_text(f'filesystem_mirror {{\n  path = "{mirror}"\n}}\n')
    environment = {
        "PATH": str(go.parent),
        "HOME": str(tmp_path),
        "FLASH_FIREWALL_CACHE": str(tmp_path / "cache"),
        "FLASH_FIREWALL_DOWNLOADS": "off",
        "TF_CLI_CONFIG_FILE": str(tmp_path / "terraform.rc"),
    }
    command = [sys.executable, "-m", "lab", "demo"]
    with subprocess.Popen(  # noqa: S603 - our own
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Demo(process, tmp_path)
        finally:
            process.terminate()  # not killed: the build would wait for ever


def test_matrix_proof_and_picture_are_shown_while_the_tools_are_built(demo: Demo) -> None:
    demo.builder()

    titles = [line.partition(":")[0] for line in demo.opening() if line.startswith("== ")]

    assert titles == ["== The matrix", "== The proof", "== The shop"]


def test_a_build_that_fails_is_one_error_and_the_end_of_the_story(demo: Demo) -> None:
    demo.builder()
    (demo.folder / "released").write_text("now\n")

    shown, errors = demo.rest()

    assert demo.process.returncode == 1
    assert "docs/shop.svg" in shown
    assert "The lab" not in shown
    assert errors.count("lab: etcd does not build in lab/tools/kubernetes-api:\nthe compiler has had enough") == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_end_while_the_tools_are_built_leaves_neither_a_build_nor_half_a_tool(
    demo: Demo, end: signal.Signals
) -> None:
    builder = demo.builder()
    demo.opening()

    demo.process.send_signal(end)
    _, errors = demo.rest()

    assert errors.endswith("lab: ended, nothing is left\n")
    assert not is_running(builder)
    assert [path for path in (demo.folder / "cache").iterdir() if path.is_dir()] == []
