"""The command ``flash-firewall``. Each verb is a module, imported when the verb is called."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flash_ticket.cli.exit_status import ExitStatus, unforeseen

_MODULES = {
    "check": "check",
    "list": "list_connections",
    "diff": "diff",
    "explain": "explain",
    "denied": "denied",
    "replay": "replay",
    "learn": "learn",
    "verify": "verify",
    "inventory": "inventory",
    "report": "report",
    "render": "render",
    "suspend": "changing.suspend",
    "resume": "changing.suspend",
    "rollback": "changing.rollback",
}
"""The verbs, in the order of the help, and the module of each."""

_FUNCTIONS = {"list": "list_connections"}
"""Verbs whose function has another name, because the verb's name is a Python built-in."""

_GROUPS = {
    "Offline, from files alone": ("check", "list", "diff", "explain"),
    "Read what runs and what was recorded": ("denied", "replay", "learn", "verify", "inventory", "report", "render"),
    "Change something": ("suspend", "resume", "rollback"),
}
"""The groups of the help, each with its verbs."""

_EXAMPLES = {
    "check": ("check", "check --stack prod --output json"),
    "list": (
        "list --stack prod",
        "list --dir k8s --cni vpc-cni --exposure",
        "list --stack prod --output html > who.html",
    ),
    "diff": ("diff --stack prod --since main", "diff --dir before --dir after", "diff --live --context prod --dir k8s"),
    "explain": ("explain --stack prod api redis 6379", "explain --stack prod api 8.8.8.8 443"),
    "denied": ("denied --stack prod --since 2h", "denied --stack prod --follow"),
    "replay": ("replay --stack prod --since 7d --matrix new.yaml",),
    "learn": ("learn --stack prod --since 30d > draft.yaml", "learn --dir networkpolicy > draft.yaml"),
    "verify": ("verify --stack prod", "verify --stack prod --probe --consent"),
    "inventory": ("inventory --stack prod > inventory.json",),
    "report": ("report --stack prod --since 1h --out night.html", "report --stack prod --language ko --out night.html"),
    "render": ("render --stack prod --out k8s/prod", "render --stack prod --inventory inventory.json --out k8s/prod"),
    "suspend": ('suspend 04-allow-egress-api --for 30m --reason "orders fail" --stack prod',),
    "resume": ("resume 04-allow-egress-api --stack prod", "resume --all --stack prod"),
    "rollback": ("rollback --stack prod", "rollback --to 7 --stack prod"),
}
"""What people type most, for the end of each verb's help."""

_PACKAGE = "flash-ticket-firewall"


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
        examples = "\n".join(f"  flash-firewall {each}" for each in _EXAMPLES[cmd_name])
        # The mark keeps the lines of the examples as they are.
        verb.command(cmd_name, epilog=f"\b\nExamples:\n{examples}")(getattr(module, _FUNCTIONS.get(cmd_name, cmd_name)))
        return typer.main.get_command(verb)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own signature
        """Write the verbs in groups, each with the whole first sentence of its help."""
        for title, verbs in _GROUPS.items():
            rows = [(verb, _first_sentence(self.get_command(ctx, verb).help)) for verb in verbs]
            with formatter.section(title):
                formatter.write_dl(rows)


def _first_sentence(text: str) -> str:
    return f"{' '.join(text.split()).partition('. ')[0].rstrip('.')}."


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the value of a flag
    if asked:
        typer.echo(f"flash-firewall {version(_PACKAGE)}")
        raise typer.Exit


app = typer.Typer(
    name="flash-firewall",
    cls=Verbs,
    help="Prove, list, compare and explain what both firewalls allow, and verify and repair what runs.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def firewall(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options that belong to no verb."""


if __name__ == "__main__":
    app()
