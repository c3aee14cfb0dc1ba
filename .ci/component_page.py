"""The schema of the Pulumi package, and the page of its component's inputs and outputs."""

import inspect
import json
from typing import Any

from pulumi.provider.experimental.component import ComponentProvider

from package import version
from package.firewall import Firewall
from package.parts import PARTS
from package.plan import PACKAGE

_INTRODUCTION = """`Firewall` is one Pulumi component: both layers of one environment. Its parts are components, too:
a program can declare one of them alone. Programs in Python import them from `package/firewall.py` and
`package/parts.py`. Programs in other languages use the Pulumi package `{package}`, and `package/schema.json` is
its schema. [Use it from your own program](../embedding.md) shows how.

In Python, names are written with underscores: `group_ids` for `groupIds`."""

_PLAIN = "`plain` means a value that the program itself knows. Any other input may be an output of a resource."
_SAME = "The inputs of `Firewall`."


def schema() -> dict[str, Any]:
    """Return the schema of the package, as the engine gets it."""
    return dict(json.loads(ComponentProvider([Firewall, *PARTS], PACKAGE, version=version()).schema or ""))


def page(made: str) -> str:
    """Return the page of the components.

    Args:
        made: The line that says where the page comes from.
    """
    whole, *parts = schema()["resources"].items()
    lines = ["# The component", made, _INTRODUCTION.format(package=PACKAGE), _words(whole[1])]
    lines += ["## Inputs", _inputs(whole[1]), _PLAIN, "## Outputs", _outputs(whole[1])]
    for name, part in parts:
        more = {key: each for key, each in part["inputProperties"].items() if key not in whole[1]["inputProperties"]}
        inputs = [f"{_SAME[:-1]}, and:", _inputs({**part, "inputProperties": more})] if more else [_SAME]
        lines += [f"## {name.rpartition(':')[2]}", _words(part), *inputs, _outputs(part)]
    return "\n\n".join(lines) + "\n"


def _words(component: dict[str, Any]) -> str:
    return inspect.cleandoc(component["description"])


def _inputs(component: dict[str, Any]) -> str:
    needed = component["requiredInputs"]
    return _table(
        "input",
        [
            (name, f"{_kind(each)}, {'required' if name in needed else 'optional'}, {_when(each)}", each["description"])
            for name, each in component["inputProperties"].items()
        ],
    )


def _outputs(component: dict[str, Any]) -> str:
    found = [(name, _kind(each), each["description"]) for name, each in component["properties"].items()]
    return _table("output", found)


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
