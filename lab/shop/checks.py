"""The three checks that the shop's operators use to look at the firewall: curl from a pod, through kubectl."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_NAMESPACE = "flash-ticket"


@dataclass(frozen=True, slots=True)
class Curl:
    """One check.

    Attributes:
        source: The Deployment whose pod calls.
        url: What it calls.
        declared: Whether the matrix declares the connection.
    """

    source: str
    url: str
    declared: bool

    @property
    def command(self) -> list[str]:
        """The command, as a person types it."""
        called = ["curl", "--silent", "--show-error", "--max-time", "3", self.url]
        return ["kubectl", "--namespace", _NAMESPACE, "exec", f"deploy/{self.source}", "--", *called]


@dataclass(frozen=True, slots=True)
class Answered:
    """A check and its answer.

    Attributes:
        works: Whether the called service answered.
        answer: What was printed.
    """

    check: Curl
    works: bool
    answer: str

    def __str__(self) -> str:
        """Return the command and the answer, as on a terminal."""
        return f"{shlex.join(self.check.command)}\n    {self.answer}"


CHECKS = (
    Curl("flash-gateway", "http://flash-api:4000", declared=True),
    Curl("flash-api", "http://flash-pay:3100", declared=True),
    Curl("flash-api", "http://flash-gateway:3000", declared=False),
)


def run_checks(kubectl: Path, variables: Mapping[str, str]) -> Iterator[Answered]:
    """Run the checks one after the other, and yield the answers.

    Args:
        kubectl: The executable.
        variables: The environment variables that lead it to the cluster.
    """
    for check in CHECKS:
        command = [str(kubectl), *check.command[1:]]
        result = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - the lab's kubectl
        said = [line for line in (result.stdout or result.stderr).splitlines() if not line.startswith("command ")]
        yield Answered(check, result.returncode == 0, said[-1] if said else "")
