import subprocess
import sys
from pathlib import Path

import pytest

from lab.toolchain.cache import Cache, fingerprint

REPOSITORY = Path(__file__).parents[3]


def make(folder: Path) -> None:
    (folder / "tool").write_text("whole")


def fail(folder: Path) -> None:
    (folder / "tool").write_text("half")
    raise RuntimeError("the compiler has had enough")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    first = cache.get("tool", "1", make)
    second = cache.get("tool", "1", fail)

    assert first == second
    assert (second / "tool").read_text() == "whole"


def test_an_entry_that_fails_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with pytest.raises(RuntimeError, match="had enough"):
        cache.get("tool", "1", fail)

    assert cache.found("tool", "1") is None
    assert (cache.get("tool", "1", make) / "tool").read_text() == "whole"


def test_an_entry_whose_maker_was_killed_is_made_again(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal\n"
        "from lab.toolchain.cache import Cache\n"
        "def make(folder):\n"
        "    (folder / 'tool').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Cache(pathlib.Path({str(tmp_path)!r})).get('tool', '1', make)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False)  # noqa: S603 - written above
    cache = Cache(tmp_path)

    assert killed.returncode < 0
    assert any(path.is_dir() for path in tmp_path.iterdir())
    assert cache.found("tool", "1") is None
    assert (cache.get("tool", "1", make) / "tool").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["tool-1"]


def test_two_runs_at_once_make_an_entry_once(tmp_path: Path) -> None:
    program = (
        "import pathlib, time\n"
        "from lab.toolchain.cache import Cache\n"
        f"root = pathlib.Path({str(tmp_path)!r})\n"
        "def make(folder):\n"
        "    with (root / 'made').open('a') as log:\n"
        "        log.write('x')\n"
        "    time.sleep(0.5)\n"
        "Cache(root).get('tool', '1', make)\n"
    )
    command = [sys.executable, "-c", program]
    runs = [
        subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)  # noqa: S603 - written above
        for _ in range(3)
    ]

    assert [run.wait() for run in runs] == [0, 0, 0]
    assert (tmp_path / "made").read_text() == "x"


def test_a_fingerprint_changes_with_text_and_with_a_files_content(tmp_path: Path) -> None:
    file = tmp_path / "go.sum"
    file.write_text("one")
    before = fingerprint("settings", file)

    assert fingerprint("settings", file) == before
    assert fingerprint("other settings", file) != before
    file.write_text("two")
    assert fingerprint("settings", file) != before
