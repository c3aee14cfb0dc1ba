#!/usr/bin/env python3
"""Write the JSON schemas and the pages of docs/reference: python .ci/reference.py.

They are made from the models of the files, from the help of the command, and from the docstrings of both.
"""

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]

import component_page  # noqa: E402 - the path comes first
import typer.main  # noqa: E402 - likewise
import yaml  # noqa: E402 - likewise
from model_keys import JSON_SCHEMA, FileKeys, Key, Section, words_of  # noqa: E402 - likewise
from pydantic import BaseModel  # noqa: E402 - likewise

from components.firewall import Firewall  # noqa: E402 - likewise
from flash_ticket.cli.exit_status import ExitStatus  # noqa: E402 - likewise
from flash_ticket.cli.main import app  # noqa: E402 - likewise
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, Binding  # noqa: E402 - likewise
from flash_ticket.firewall.declare.sections.other_stacks import FROM, kinds_of, without_references  # noqa: E402 - likewise
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY  # noqa: E402 - likewise
from flash_ticket.firewall.declare.traffic_file import TrafficFile  # noqa: E402 - likewise

EXAMPLES = ROOT / "docs/reference/examples.yaml"
"""Parts of files, by the model that reads them; the project and the examples hold the others."""

_MADE = "<!-- Made by `make reference` from the code: change it there. -->"
_LONGEST_EXAMPLE = 90
_WIDTH = 80


def generated() -> dict[str, str]:
    """Return the text of each file that this writes, by its path in the project."""
    traffic, binding = keys_of(TrafficFile), keys_of(Binding)
    return {
        "traffic.schema.json": _json(traffic.schema),
        "binding.schema.json": _json(_stack_schema(binding.schema)),
        "docs/reference/traffic.md": _page("traffic.yaml", _TRAFFIC, traffic),
        "docs/reference/binding.md": _page("The binding", _BINDING, binding),
        "docs/reference/command.md": _command(),
        "docs/reference/component.md": component_page.page(_MADE),
        "package/schema.json": _json(component_page.schema()),
    }


def keys_of(root: type[BaseModel]) -> FileKeys:
    """Return the keys of a file, with the examples of the project."""
    keys = FileKeys(root)
    parts = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    for model in list(keys.sections):
        for each in parts.get(model.__name__, ()):
            keys.learn(model, each)
    for folder in (ROOT, *sorted(each for each in (ROOT / "examples").iterdir() if each.is_dir())):
        if root is TrafficFile:
            keys.learn(root, yaml.safe_load((folder / "traffic.yaml").read_text(encoding="utf-8")))
        for path in sorted(folder.glob("Pulumi.*.yaml")) if root is Binding else ():
            keys.learn(root, yaml.safe_load(path.read_text(encoding="utf-8"))["config"].get(BINDING_KEY))
    return keys


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


_STACK_KEYS = {
    "aws:region": {"type": "string", "description": "The region of the account, such as ap-northeast-2."},
    "aws:profile": {"type": "string", "description": "The AWS profile. Default: that of the environment."},
    "kubernetes:kubeconfig": {"description": "A path, or the content of a kubeconfig. Default: KUBECONFIG."},
    "kubernetes:context": {"type": "string", "description": "The context of the kubeconfig."},
    SUSPENSIONS_KEY: {
        "type": "array",
        "items": {"type": "object"},
        "description": "The policies that are open for a while; flash-firewall suspend and resume write them.",
    },
}


_REFERENCE = "ValueOfAnotherStack"
_REFERENCE_SCHEMA = {
    "type": "object",
    "description": "What another stack exports, such as {from: {stack: acme/network/prod, output: vpcId}}.",
    "properties": {
        FROM: {
            "type": "object",
            "properties": {"stack": {"type": "string"}, "output": {"type": "string"}},
            "required": ["stack", "output"],
            "additionalProperties": False,
        }
    },
    "required": [FROM],
    "additionalProperties": False,
}


def _with_references(node: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - a part of a JSON schema
    """Return a schema that also accepts another stack's output wherever the program does."""
    if isinstance(node, list):
        return [_with_references(each, known) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _with_references(each, known) for key, each in node.items()}
    for key in ("properties", "patternProperties"):
        for name, each in node.get(key, {}).items():
            found[key][name] = _or_reference(found[key][name], each, known)
    if "items" in node:
        found["items"] = _or_reference(found["items"], node["items"], known)
    return found


def _or_reference(node: dict[str, Any], original: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if not kinds_of(without_references(original, known)):
        return node
    said = {key: each for key, each in node.items() if key in {"description", "default", "title"}}
    options = node.get("anyOf") or [{key: each for key, each in node.items() if key not in said}]
    return {"anyOf": [*options, {"$ref": f"#/$defs/{_REFERENCE}"}], **said}


def _stack_schema(binding: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of Pulumi.<stack>.yaml, which holds the binding."""
    known = binding["$defs"]
    own = _with_references({key: each for key, each in binding.items() if key not in {"$schema", "$defs"}}, known)
    definitions = {name: _with_references(each, known) for name, each in known.items()}
    settings = {**_STACK_KEYS, BINDING_KEY: {"$ref": "#/$defs/Binding"}}
    unknown = f"^{PROJECT}:(?!({'|'.join(each.partition(':')[2] for each in (BINDING_KEY, SUSPENSIONS_KEY))})$)"
    return {
        "$schema": JSON_SCHEMA,
        "title": "Pulumi.<stack>.yaml",
        "description": "The configuration of one stack.",
        "type": "object",
        "properties": {
            "config": {"type": "object", "properties": settings, "patternProperties": {unknown: False}},
        },
        "$defs": {**definitions, "Binding": own, _REFERENCE: _REFERENCE_SCHEMA},
    }


_TRAFFIC = """The file declares the allowed traffic, the same in every stack. What it does not declare is denied.
Editors complete and check it against `traffic.schema.json`, which its first line names.
[Getting started](../getting-started.md#every-day) explains the keys that you need every day."""

_BINDING = f"""The binding is the value of `{BINDING_KEY}` in `Pulumi.<stack>.yaml`. It says where the names of
`traffic.yaml` are in the account and cluster of that stack. Editors complete and check the file against
`binding.schema.json`, which its first line names.
[Getting started](../getting-started.md#the-keys-of-the-binding) has the short form of this page.

Where a key has an id, a name as text, an address block, `tags` beside `id`, or a list of these, a stack can write
`{{from: {{stack: acme/network/prod, output: vpcId}}}}` instead: what another stack exports. See
[Recipes](../recipes.md#values-from-another-stack)."""


def _page(title: str, introduction: str, keys: FileKeys) -> str:
    anchors = {model: _heading(section, keys.schema) for model, section in keys.sections.items()}
    parts = [f"# {title}", _MADE, introduction]
    for model, section in keys.sections.items():
        parts += [
            f"## `{anchors[model]}`" if section.places[0] else f"## {anchors[model]}",
            _section(section, keys, anchors),
        ]
    return "\n\n".join(parts) + "\n"


def _heading(section: Section, schema: dict[str, Any]) -> str:
    return section.places[0] or f"The keys of {'traffic.yaml' if schema['title'] == 'TrafficFile' else 'the binding'}"


def _section(section: Section, keys: FileKeys, anchors: dict[type[BaseModel], str]) -> str:
    parts = [inspect.cleandoc(section.model.__doc__ or "")]
    if also := sorted({f"`{each}`" for each in section.places[1:]}):
        parts.append(f"The same keys as {', '.join(also)}.")
    rows = ["| key | value | what it says | example |", "|---|---|---|---|"]
    for key in section.keys.values():
        cells = (f"`{key.name}`", _kind(key, keys, anchors), _meaning(key), _example(key))
        rows.append(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |")
    return "\n\n".join((*parts, "\n".join(rows)))


def _kind(key: Key, keys: FileKeys, anchors: dict[type[BaseModel], str]) -> str:
    words = _in_words(key.schema, keys.schema["$defs"])
    if key.model:
        anchor = anchors[key.model].lower()
        target = "".join(each for each in anchor.replace(" ", "-") if each.isalnum() or each in "-_")
        words = f"[{words}](#{target})"
    if key.is_needed:
        return f"{words}, required"
    default = key.schema.get("default")
    return words if default in (None, "", [], {}) or key.model else f"{words}, default {_code(default)}"


def _in_words(schema: dict[str, Any], known: dict[str, Any]) -> str:
    """Return what a schema accepts, in words."""
    if "$ref" in schema:
        found = known[schema["$ref"].rpartition("/")[2]]
        return _in_words(found, known) if "enum" in found or "const" in found else "keys"
    if schema.get("description", "").startswith("A TCP port"):
        return "port"
    options = [each for each in (*schema.get("anyOf", ()), *schema.get("allOf", ())) if each.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(_in_words(each, known) for each in options))
    if "enum" in schema or "const" in schema:
        return ", ".join(_code(each) for each in schema.get("enum", [schema.get("const")]))
    return _plain_in_words(schema, known)


def _plain_in_words(schema: dict[str, Any], known: dict[str, Any]) -> str:
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_in_words(schema.get('items', {}), known)}"
    if kind == "object":
        inner = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        return f"names, each with {_in_words(inner, known)}" if isinstance(inner, dict) else "keys"
    if kind == "integer" and "minimum" in schema and "maximum" in schema:
        return f"number from {schema['minimum']} to {schema['maximum']}"
    return {"string": "text", "integer": "number", "number": "number", "boolean": "`true` or `false`"}.get(
        kind, "value"
    )


def _meaning(key: Key) -> str:
    choices = [f"`{name}`: {words}" for name, words in key.choices.items() if words]
    return " ".join((key.words, *choices))


def _example(key: Key) -> str:
    written = sorted((_flow({key.name: each}) for each in key.examples), key=len)
    short = [each for each in written if len(each) <= _LONGEST_EXAMPLE]
    return f"`{(short or written or [''])[-1 if short else 0]}`"


def _flow(value: dict[str, object]) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.strip().removeprefix("{").removesuffix("}")


def _code(value: object) -> str:
    return f"`{yaml.safe_dump(value, default_flow_style=True).removesuffix(chr(10)).removesuffix('...').strip()}`"


_COMMAND = """`flash-firewall --help` shows the first part, `flash-firewall VERB --help` the part of a verb."""

_STATUS_WORDS = {
    ExitStatus.HOLDS: "What you asked about holds: the proof, the comparison, the verification.",
    ExitStatus.VIOLATED: "It does not hold, or something differs. The answer says what.",
    ExitStatus.BAD_INPUT: "The input has a mistake, or something cannot be reached. Each mistake is a line on stderr.",
}


def _command() -> str:
    """Return a page with the help of the command and of each verb, the exit statuses, and the outputs of the stack."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("flash-firewall", [], resilient_parsing=True, terminal_width=_WIDTH)
    parts = ["# The command", _MADE, _COMMAND, _block(command.get_help(context))]
    for verb in command.list_commands(context):
        found = command.get_command(context, verb)
        own = found.make_context(verb, [], parent=context, resilient_parsing=True, terminal_width=_WIDTH)
        parts += [f"## {verb}", _block(found.get_help(own))]
    below = words_of(ExitStatus)
    rows = [f"| {each.value} | {_STATUS_WORDS.get(each) or below[each.name]} |" for each in ExitStatus]
    parts += ["## Exit status", "\n".join(("| status | meaning |", "|---|---|", *rows))]
    parts += [
        "## Outputs of the stack",
        "`pulumi stack output` shows them. A stack without a part has no output of it.",
        _outputs(),
    ]
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    return f"```text\n{text.strip()}\n```"


_OUTPUTS = {"declaredVersions": "What the stack has declared, newest last; `flash-firewall rollback` reads it."}


def _outputs() -> str:
    attributes = _attributes()
    rows = [f"| `{name}` | {attributes[attribute]} |" for name, attribute in _stack_outputs()]
    rows += [f"| `{name}` | {words} |" for name, words in _OUTPUTS.items()]
    return "\n".join(("| output | what it is |", "|---|---|", *rows))


def _stack_outputs() -> Iterator[tuple[str, str]]:
    """Yield the name of each output of the stack, and the attribute of `Firewall` that is its value."""
    method = ast.parse(textwrap.dedent(inspect.getsource(Firewall.outputs)))
    found = next(node for node in ast.walk(method) if isinstance(node, ast.Dict))
    for name, value in zip(found.keys, found.values, strict=True):
        shown = value.body if isinstance(value, ast.IfExp) else value
        yield ast.literal_eval(name or value), ast.unparse(shown).removeprefix("self.")


def _attributes() -> dict[str, str]:
    """Return the words about each attribute of `Firewall`, from its docstring."""
    said = textwrap.dedent(inspect.cleandoc(Firewall.__doc__ or "").partition("Attributes:\n")[2])
    entries = re.split(r"\n(?=\w)", " ".join(said.split("\n    ")).strip())
    return {name: words.replace("``", "`").strip() for name, _, words in (each.partition(": ") for each in entries)}


if __name__ == "__main__":
    for name, text in generated().items():
        (ROOT / name).write_text(text, encoding="utf-8")
