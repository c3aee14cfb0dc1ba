"""A stack of the Pulumi CLI, run through Pulumi's automation API.

This uses only the command of that API. The `Stack` of the API also changes the stack that the user has selected, and it
runs the engine three more times after each update.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from flash_ticket.firewall.change.history import (
    VERSIONS_OUTPUT,
    StackUpdate,
    Versions,
    parse_versions,
    require_versions,
    updates_of,
)
from flash_ticket.firewall.terms.input_error import InputError

_Hearer = Callable[[str], object]
"""A function that receives each line from the engine."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of the program in a folder.

    Attributes:
        folder: The folder of Pulumi.yaml.
        name: Pulumi's name of the stack: ``dev`` or ``organization/project/dev``.
    """

    folder: Path
    name: str

    def preview(self) -> None:
        """Run ``pulumi preview`` to its end and show its output.

        Raises:
            InputError: Pulumi is not installed, or the preview failed.
        """
        self._show("preview")

    def up(self, *resources: str) -> None:
        """Run ``pulumi up`` to its end, without a question, and show its output.

        Args:
            resources: The ends of the names of the resources to change. Without any, it changes all resources.

        Raises:
            InputError: Pulumi is not installed, or the update failed.
        """
        targets = [part for each in resources for part in ("--target", f"**{each}")]
        self._show("up", "--yes", "--skip-preview", *targets)

    def versions(self) -> Versions:
        """Return the versions that the stack has declared.

        Raises:
            InputError: Pulumi is not installed, the stack does not exist, or the stack has no record of a version.
        """
        outputs = self._ask("stack", "output", "--json", "--show-secrets")
        return require_versions(parse_versions(outputs.get(VERSIONS_OUTPUT)), self.name)

    def updates(self) -> tuple[StackUpdate, ...]:
        """Return the updates of the stack, newest first.

        Raises:
            InputError: Pulumi is not installed, or the stack does not exist.
        """
        return updates_of(self._ask("stack", "history", "--json", "--full-dates", "--page-size", "100"))

    def _show(self, verb: str, *arguments: str) -> None:
        colors = ["--color", "always"] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else []
        with _interrupts_left_to_the_engine():
            succeeded = self._run([verb, *arguments, *colors], _writer(sys.stdout), _writer(sys.stderr))
        if not succeeded:
            raise InputError(f"pulumi {verb}", "", "it failed", "Mend what it says above")

    def _ask(self, *arguments: str) -> Any:  # noqa: ANN401 - parsed JSON has any shape
        answer: list[str] = []
        problem: list[str] = []
        if self._run([*arguments], answer.append, problem.append):
            return json.loads("\n".join(answer))
        said = " ".join(" ".join(problem).split()).removeprefix("error: ").rstrip(".")
        command = f"pulumi {' '.join(arguments[:2])}"
        raise InputError(command, self.name, said, "Mend it, such as by pulumi login")

    def _run(self, arguments: list[str], on_output: _Hearer, on_error: _Hearer) -> bool:
        """Run a command to its end, and return whether it succeeded."""
        # The import takes a second, and only the commands that run Pulumi need it.
        from pulumi.automation import CommandError, InvalidVersionError, PulumiCommand  # noqa: PLC0415 - see above

        try:
            PulumiCommand().run([*arguments, "--stack", self.name], str(self.folder), {}, on_output, on_error)
        except CommandError:
            return False
        except FileNotFoundError:
            raise InputError("pulumi", "", "it is not installed", "Install the Pulumi CLI") from None
        except (OSError, subprocess.SubprocessError, InvalidVersionError) as error:
            raise InputError("pulumi", "", str(error).rstrip("."), "Install the Pulumi CLI anew") from None
        return True


def _writer(stream: TextIO) -> _Hearer:
    def write(line: str) -> None:
        with suppress(OSError, UnicodeError):  # the engine finishes its work, even if nobody can read the output
            stream.write(f"{line}\n")
            stream.flush()

    return write


@contextmanager
def _interrupts_left_to_the_engine() -> Iterator[None]:
    """Ignore Ctrl-C until the block ends. The engine receives Ctrl-C too, and finishes the work that it began."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
