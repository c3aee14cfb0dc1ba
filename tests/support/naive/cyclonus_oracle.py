"""Cyclonus's matcher as a process that answers questions, built once into the cache."""

import json
import subprocess
from pathlib import Path

from lab.toolchain.cache import Cache, default_root
from lab.toolchain.go_build import GoBuild

BUILD = GoBuild("oracle", str(Path(__file__).parent / "cyclonus"), ".")


class Cyclonus:
    """A running oracle: a question a line in, the answers a line out."""

    def __init__(self) -> None:
        """Start the oracle, built first if need be."""
        executable = BUILD.get(Cache(default_root())) / BUILD.executable
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([executable], stdin=pipe, stdout=pipe, text=True)  # noqa: S603  # just built

    def answers(self, **question: object) -> list[bool]:
        """Return the answers to a question, whose fields ``cyclonus/main.go`` describes."""
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        found: list[bool] = json.loads(self._process.stdout.readline())
        return found

    def stop(self) -> None:
        """End the oracle."""
        self._process.communicate()
