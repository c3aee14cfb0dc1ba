"""Cyclonus's policy matcher as a process that answers questions; it is built once, in the cache."""

import json
import subprocess
from pathlib import Path

from lab.toolchain.cache import Cache, default_root
from lab.toolchain.go_build import GoBuild

BUILD = GoBuild("oracle", str(Path(__file__).parent / "cyclonus"), ".")


class Cyclonus:
    """A running oracle: it reads one question per line and writes its answers as one line."""

    def __init__(self) -> None:
        """Start the oracle, and build it first if necessary."""
        executable = BUILD.get(Cache(default_root())) / BUILD.executable
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([executable], stdin=pipe, stdout=pipe, text=True)  # noqa: S603  # just built

    def answers(self, **question: object) -> list[bool]:
        """Return the answers to a question; ``cyclonus/main.go`` describes its fields."""
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        found: list[bool] = json.loads(self._process.stdout.readline())
        return found

    def stop(self) -> None:
        """Stop the oracle."""
        self._process.communicate()
