"""What only Pulumi can resolve, as its command answers: outputs of other stacks, and values from environments.

These questions change nothing. `flash_ticket.operate.pulumi` runs what changes something.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.sections.other_stacks import Outputs, ReadOutputs, Unreadable, Withheld
from flash_ticket.firewall.terms.input_error import InputError

_NO_PULUMI = "the Pulumi CLI is not installed"
_INSTALL = "Install the Pulumi CLI: only it can read environments"

_HIDDEN = "[secret]"
"""What Pulumi shows in place of a secret."""


def outputs_beside(folder: Path) -> ReadOutputs:
    """Return what reads the outputs of other stacks, as Pulumi knows them in the folder of a project."""
    return partial(_outputs, folder)


def _outputs(folder: Path, stack: str) -> Outputs:
    asked = _ask(folder, ["pulumi", "--non-interactive", "stack", "output", "--json", "--stack", stack])
    if isinstance(asked, Unreadable):
        return asked
    return {name: Withheld.SECRET if value == _HIDDEN else value for name, value in asked.items()}


def resolved_settings(folder: Path, stack: str) -> dict[str, Any]:
    """Return the configuration of a stack as Pulumi resolves it, by full keys such as ``aws:region``.

    Args:
        folder: The folder of Pulumi.yaml.
        stack: Pulumi's name of the stack.

    Raises:
        InputError: Pulumi is not installed, or it cannot resolve the configuration.
    """
    asked = _ask(folder, ["pulumi", "--non-interactive", "config", "--json", "--stack", stack])
    if isinstance(asked, Unreadable):
        raise InputError(
            stack_file(stack.rpartition("/")[2]),
            "environment",
            f"Pulumi cannot resolve its configuration: {asked.why.rstrip('.')}",
            _INSTALL
            if asked.why == _NO_PULUMI
            else "Correct the list of environments, or log in to Pulumi Cloud, which keeps them (pulumi login)",
        )
    return {key: _setting(entry) for key, entry in asked.items()}


def _setting(entry: Mapping[str, Any]) -> object:
    """Return a value as the settings file has it; an encrypted one stays unread."""
    if entry.get("secret"):
        return {"secure": ""}
    return entry["objectValue"] if "objectValue" in entry else entry.get("value")


def _ask(folder: Path, command: list[str]) -> dict[str, Any] | Unreadable:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", "NO_COLOR": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - Pulumi, with arguments that are not a shell's
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError:
        return Unreadable(_NO_PULUMI)
    if done.returncode:
        return Unreadable(" ".join(done.stderr.decode(errors="replace").split()).removeprefix("error: "))
    found: dict[str, Any] = json.loads(done.stdout)
    return found
