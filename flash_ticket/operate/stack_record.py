"""What Pulumi's own records say of a stack: its outputs and its updates, whatever its backend."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, Versions, recorded_versions, require_versions
from flash_ticket.firewall.change.stack_update import StackUpdate, updates_of
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.pulumi_command import run_pulumi


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
