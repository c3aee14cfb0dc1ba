"""The configuration of a stack out of its file, where no engine runs that would decrypt it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.project import read_settings
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.settings import StackConfiguration, configuration

_KUBECONFIG = "kubernetes:kubeconfig"
_USED = ("aws:region", "aws:profile", _KUBECONFIG, "kubernetes:context")


def read_stack_file(folder: Path, stack: str) -> StackConfiguration:
    """Return the configuration of a stack.

    Where the file holds its kubeconfig encrypted, KUBECONFIG takes its place.

    Args:
        folder: Where Pulumi.<stack>.yaml is; a kubeconfig with a relative path is looked for from there, as the
            engine runs the program there.
        stack: Such as ``dev``; of Pulumi's full name (``organization/project/dev``) the last part counts.

    Raises:
        InputError: The file cannot be read, a key is unknown, missing or encrypted, or the binding does not hold.
    """
    name = stack.rpartition("/")[2]
    settings = read_settings(folder, name)
    return configuration(name, {**settings, **dict(_texts(settings, folder, stack_file(name)))})


def _texts(settings: Mapping[str, Any], folder: Path, source: str) -> Iterator[tuple[str, str | None]]:
    for key in _USED:
        value = settings.get(key)
        if isinstance(value, dict) and "secure" in value:
            if key != _KUBECONFIG:
                raise InputError(source, key, "it is encrypted, and only the engine can read it", "Write it in clear")
            if not os.environ.get("KUBECONFIG"):
                raise InputError(
                    source,
                    key,
                    "it is encrypted, and only the engine can read it",
                    "Set KUBECONFIG to the file that leads to this stack's cluster (aws eks update-kubeconfig)",
                )
            yield key, None
        elif key == _KUBECONFIG and isinstance(value, dict):
            yield key, json.dumps(value, indent=1)  # YAML too, and on several lines, which tells content from a path
        elif key == _KUBECONFIG and isinstance(value, str) and "\n" not in value:
            yield key, str(folder / Path(value).expanduser())
        elif value is not None:
            yield key, str(value)
