"""The command ``flash-firewall``. Each verb is a module, imported when the verb is called."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from flash_ticket.cli.exit_status import ExitStatus, unforeseen

_MODULES = {
    "check": "check",
    "list": "list_connections",
    "diff": "diff",
    "explain": "explain",
    "denied": "denied",
    "inventory": "inventory",
    "replay": "replay",
    "learn": "learn",
    "verify": "verify",
    "suspend": "suspend",
    "resume": "suspend",
    "rollback": "rollback",
}
"""The verbs, in the order of the help, and the module of each."""

_FUNCTIONS = {"list": "list_connections"}
"""Verbs whose function has another name, because the verb's name is a Python built-in."""


class Verbs(TyperGroup):
    """The verbs of the command. It imports a verb's module when the verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the names of the verbs, in the order of the help."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the verb with this name, ready to call; None if there is none."""
        if cmd_name not in _MODULES:
            return None
        try:
            module = import_module(f"flash_ticket.cli.verbs.{_MODULES[cmd_name]}")
        except Exception as error:  # noqa: BLE001 - exit 1 would mean that the proof does not hold
            sys.stderr.write(f"error: {unforeseen(error)}\n")
            raise typer.Exit(ExitStatus.UNFORESEEN) from None
        verb = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        verb.command(cmd_name)(getattr(module, _FUNCTIONS.get(cmd_name, cmd_name)))
        return typer.main.get_command(verb)


app = typer.Typer(
    name="flash-firewall",
    cls=Verbs,
    help="Prove, list, compare and explain what both firewalls allow, and verify and repair what runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def firewall() -> None:
    """Hold the options that all verbs share. There are none."""


if __name__ == "__main__":
    app()
