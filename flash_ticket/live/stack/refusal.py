"""How the program ends when it has told its user what to mend."""

from typing import NoReturn

import pulumi

_MESSAGE_WAS_SHOWN = 32
"""Pulumi's Python language host then adds no message of its own (sdk/python, pulumi-language-python-exec)."""


def refuse(message: str) -> NoReturn:
    """Show one error and end the program, before it has declared anything."""
    pulumi.log.error(message)
    raise SystemExit(_MESSAGE_WAS_SHOWN)
