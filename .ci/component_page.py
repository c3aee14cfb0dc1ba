"""The schema of the Pulumi package, and the page of its component's inputs and outputs."""

import inspect
import json
from typing import Any

from pulumi.provider.experimental.component import ComponentProvider

from package import version
from package.firewall import PACKAGE, Firewall

_INTRODUCTION = """`Firewall` is one Pulumi component: both layers of one environment. Programs in Python import it from
`package/firewall.py`. Programs in other languages use the Pulumi package `{package}`, and `package/schema.json` is its
schema. [Use it from your own program](../embedding.md) shows how.

In Python, names are written with underscores: `group_ids` for `groupIds`."""


def schema() -> dict[str, Any]:
    """Return the schema of the package, as the engine gets it."""
    return dict(json.loads(ComponentProvider([Firewall], PACKAGE, version=version()).schema or ""))


def page(made: str) -> str:
    """Return the page of the component.

    Args:
        made: The line that says where the page comes from.
    """
    (component,) = schema()["resources"].values()
    needed = component["requiredInputs"]
    inputs = [
        (name, f"{_kind(each)}, {'required' if name in needed else 'optional'}, {_when(each)}", each["description"])
        for name, each in component["inputProperties"].items()
    ]
    outputs = [(name, _kind(each), each["description"]) for name, each in component["properties"].items()]
    return (
        "\n\n".join(
            (
                "# The component",
                made,
                _INTRODUCTION.format(package=PACKAGE),
                inspect.cleandoc(component["description"]),
                "## Inputs",
                _table("input", inputs),
                "`plain` means a value that the program itself knows. Any other input may be an output of a resource.",
                "## Outputs",
                _table("output", outputs),
            )
        )
        + "\n"
    )


def _kind(each: dict[str, Any]) -> str:
    match each:
        case {"type": "object", "additionalProperties": {"type": str() as kind}}:
            return f"{kind} by name"
        case {"type": "object"}:
            return "keys"
        case {"type": "array", "items": items}:
            return f"list of {_kind(items)}"
    return str(each["type"])


def _when(each: dict[str, Any]) -> str:
    return "plain" if each.get("plain") else "may be an output"


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {title} | type | what it means |", "|---|---|---|"]
    return "\n".join((*lines, *(f"| `{name}` | {kind} | {words} |" for name, kind, words in rows)))
