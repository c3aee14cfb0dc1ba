"""A stack previewed and updated from the command line, as whoever runs the command would do it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_ticket.firewall.change.history import (
    VERSIONS_OUTPUT,
    StackUpdate,
    Versions,
    recorded_versions,
    require_versions,
    updates_of,
)
from flash_ticket.firewall.terms.input_error import InputError


def run_pulumi(folder: Path, *arguments: str, captured: bool) -> subprocess.CompletedProcess[str]:
    """Run a command of Pulumi to its end, without asking; it may have failed.

    Args:
        folder: Where Pulumi.yaml is.
        arguments: What follows ``pulumi``.
        captured: Whether its output is returned; else it goes where ours goes.

    Raises:
        InputError: There is no Pulumi.
    """
    try:
        return subprocess.run(  # noqa: S603 - the user's own pulumi, with arguments of ours
            ["pulumi", *arguments],  # noqa: S607 - found as everywhere
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=captured,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("pulumi", "", "it is not installed", "Install the Pulumi CLI") from None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack of the program in a folder, deployed by the Pulumi CLI; its output goes where ours goes.

    Attributes:
        folder: Where Pulumi.yaml is.
        stack: By Pulumi's name: ``dev`` or ``organization/project/dev``.
    """

    folder: Path
    stack: str

    def preview(self) -> None:
        """Run ``pulumi preview`` to its end.

        Raises:
            InputError: There is no Pulumi, or the preview failed; what it said has been shown.
        """
        self._run("preview")

    def up(self, *resources: str) -> None:
        """Run ``pulumi up`` to its end, without asking.

        Args:
            resources: The only ones to change, by the ends of their names; without any, all.

        Raises:
            InputError: There is no Pulumi, or the update failed; what it said has been shown.
        """
        targets = [part for each in resources for part in ("--target", f"**{each}")]
        self._run("up", "--yes", "--skip-preview", *targets)

    def _run(self, verb: str, *arguments: str) -> None:
        code = run_pulumi(self.folder, verb, *arguments, "--stack", self.stack, captured=False).returncode
        if code:
            raise InputError(f"pulumi {verb}", "", f"it ended with {code}", "Mend what it says above")


@dataclass(frozen=True, slots=True)
class StackRecord:
    """The records of one stack.

    Attributes:
        folder: Where Pulumi.yaml is.
        stack: By Pulumi's name.
    """

    folder: Path
    stack: str

    def versions(self) -> Versions:
        """Return what the stack has declared.

        Raises:
            InputError: There is no Pulumi, no such stack, or nothing is recorded.
        """
        outputs = self._asked("stack", "output", "--json", "--show-secrets")
        return require_versions(recorded_versions(outputs.get(VERSIONS_OUTPUT)), self.stack)

    def updates(self) -> tuple[StackUpdate, ...]:
        """Return the updates of the stack, the last first.

        Raises:
            InputError: There is no Pulumi, or no such stack.
        """
        return updates_of(self._asked("stack", "history", "--json", "--full-dates", "--page-size", "100"))

    def _asked(self, *arguments: str) -> Any:  # noqa: ANN401 - parsed JSON has any shape
        asked = run_pulumi(self.folder, *arguments, "--stack", self.stack, "--non-interactive", captured=True)
        if asked.returncode:
            problem = " ".join(asked.stderr.split()).removeprefix("error: ").rstrip(".")
            raise InputError(
                f"pulumi {' '.join(arguments[:2])}", self.stack, problem, "Mend it, such as by pulumi login"
            )
        return json.loads(asked.stdout)
