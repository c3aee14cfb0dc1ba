"""The command ``flash-firewall``: its verbs, one module each, imported when a verb is called."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

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
"""The verbs in the order of the help, each with its module in this package."""

_FUNCTIONS = {"list": "list_connections"}
"""Verbs whose function has another name, because Python has taken theirs."""


class Verbs(TyperGroup):
    """The verbs of the command; a verb's module is imported when the verb is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the names of the verbs, in the order of the help."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the verb of a name, ready to be called; None if there is none."""
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"flash_ticket.cli.{_MODULES[cmd_name]}")
        verb = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        verb.command(cmd_name)(getattr(module, _FUNCTIONS.get(cmd_name, cmd_name)))
        return typer.main.get_command(verb)


app = typer.Typer(
    name="flash-firewall",
    cls=Verbs,
    help="What Pulumi has no verb for: proof, listing, comparison and explanation of both firewalls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def firewall() -> None:
    """Hold the options that all verbs share: none."""


if __name__ == "__main__":
    app()
