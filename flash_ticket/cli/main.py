"""The command ``flash-firewall``. Each verb is a module, imported when the verb is called."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from flash_ticket.cli.exit_status import ExitStatus, unforeseen


class _Verb(NamedTuple):
    module: str
    """The module in ``verbs/``."""
    examples: tuple[str, ...]
    """What people type most, for the end of the verb's help."""
    function: str | None = None
    """The function in the module, if the verb's name is a Python built-in."""


_GROUPS: dict[str, dict[str, _Verb]] = {
    "Offline, from files alone": {
        "check": _Verb("check", ("check", "check --stack prod --output json")),
        "list": _Verb(
            "list_connections",
            (
                "list --stack prod",
                "list --dir k8s --cni vpc-cni --exposure",
                "list --stack prod --output html > who.html",
            ),
            function="list_connections",
        ),
        "diff": _Verb(
            "diff",
            (
                "diff --stack prod --since main",
                "diff --dir before --dir after",
                "diff --live --context prod --dir k8s",
            ),
        ),
        "explain": _Verb("explain", ("explain --stack prod api redis 6379", "explain --stack prod api 8.8.8.8 443")),
    },
    "Read what runs and what was recorded": {
        "denied": _Verb("denied", ("denied --stack prod --since 2h", "denied --stack prod --follow")),
        "replay": _Verb("replay", ("replay --stack prod --since 7d --matrix new.yaml",)),
        "learn": _Verb(
            "learn", ("learn --stack prod --since 30d > draft.yaml", "learn --dir networkpolicy > draft.yaml")
        ),
        "verify": _Verb("verify", ("verify --stack prod", "verify --stack prod --probe --consent")),
        "inventory": _Verb("inventory", ("inventory --stack prod > inventory.json",)),
        "report": _Verb(
            "report",
            (
                "report --stack prod --since 1h --out night.html",
                "report --stack prod --language ko --out night.html",
            ),
        ),
        "render": _Verb(
            "render",
            (
                "render --stack prod --out k8s/prod",
                "render --stack prod --inventory inventory.json --out k8s/prod",
            ),
        ),
    },
    "Change something": {
        "suspend": _Verb(
            "changing.suspend",
            ('suspend 04-allow-egress-api --for 30m --reason "orders fail" --stack prod',),
        ),
        "resume": _Verb("changing.suspend", ("resume 04-allow-egress-api --stack prod", "resume --all --stack prod")),
        "rollback": _Verb("changing.rollback", ("rollback --stack prod", "rollback --to 7 --stack prod")),
    },
}
"""The verbs, in the groups and the order of the help."""

_VERBS = {name: verb for group in _GROUPS.values() for name, verb in group.items()}

_PACKAGE = "flash-ticket-firewall"


class Verbs(TyperGroup):
    """The verbs of the command. It imports a verb's module when the verb is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the names of the verbs, in the order of the help."""
        return list(_VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - Typer's own signature
        """Return the verb with this name, ready to call; None if there is none."""
        if cmd_name not in _VERBS:
            return None
        module_name, typed, function = _VERBS[cmd_name]
        try:
            module = import_module(f"flash_ticket.cli.verbs.{module_name}")
        except Exception as error:  # noqa: BLE001 - exit 1 would mean that the proof does not hold
            sys.stderr.write(f"error: {unforeseen(error)}\n")
            raise typer.Exit(ExitStatus.UNFORESEEN) from None
        verb = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        examples = "\n".join(f"  flash-firewall {each}" for each in typed)
        # The mark keeps the lines of the examples as they are.
        verb.command(cmd_name, epilog=f"\b\nExamples:\n{examples}")(getattr(module, function or cmd_name))
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
