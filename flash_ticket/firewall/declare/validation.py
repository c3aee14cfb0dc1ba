"""The boundary to files: pydantic's errors as one InputError."""

import os
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from flash_ticket.firewall.terms.input_error import InputError, shown

# Plugins of pydantic could change how a file is read, and looking for them opens every installed package's metadata.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class FileModel(BaseModel):
    """A part of a file that people write. It refuses unknown keys, does not convert values, and is immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


MOST_MISTAKES = 20
"""The most mistakes of one kind to report at once. More would hide the first ones."""

NOT_EMPTY = ConfigDict(json_schema_extra={"minProperties": 1})
"""The configuration of a model whose keys are all optional and whose validator requires one of them."""

Model = TypeVar("Model", bound=FileModel)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """Return an error for a pydantic validator to raise, with the remedy for the user."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def validated(model: type[Model], content: Any, source: str, prefix: str = "") -> Model:  # noqa: ANN401 - parsed YAML
    """Return the content as a model.

    Args:
        model: What the content should be.
        content: Parsed YAML or JSON.
        source: The file, as the user names it.
        prefix: The key of the content within the file; empty for the whole file.

    Raises:
        InputError: The content has a mistake. The error holds every mistake, unknown keys first. A missing key counts
            only if no unknown key looks like it, because a misspelling causes both.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
    unknown = [detail["loc"] for detail in found if detail["type"] == "extra_forbidden"]
    reported = [each for each in found if each["type"] != "missing" or not _is_misspelt(each["loc"], unknown)]
    reported.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    mistakes = [
        InputError(source, _key(prefix, _location(each)), *_problem_and_remedy(model, each))
        for each in reported[:MOST_MISTAKES]
    ]
    raise replace(mistakes[0], more=tuple(mistakes[1:]))


def _is_misspelt(missing: tuple[int | str, ...], unknown: list[tuple[int | str, ...]]) -> bool:
    beside = [str(each[-1]) for each in unknown if each[:-1] == missing[:-1]]
    return bool(get_close_matches(str(missing[-1]), beside, n=1))


def _location(detail: ErrorDetails) -> tuple[int | str, ...]:
    """Return where a mistake is; a key that is not text is there as YAML reads it, where pydantic has a number."""
    if detail["type"] != "invalid_key":
        return detail["loc"]
    return (*detail["loc"][:-1], shown(detail["input"]))


def _key(prefix: str, location: tuple[int | str, ...]) -> str:
    key = prefix
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part != "[key]":
            key += f".{part}" if key else part
    return key


_KEYS = "a set of keys with values"
_TEXT = "Write text, in quotes if YAML would read it as something else"
_WORDS = {
    "missing": ("this key is missing", "Add it"),
    "refused": ("{problem}", "{remedy}"),
    "model_type": (f"{{value}} is not {_KEYS}", "Write {known}"),
    "dict_type": (f"{{value}} is not {_KEYS}", "Write names with values"),
    "list_type": ("{value} is not a list", "Write a list, in brackets"),
    "too_short": ("it is empty", "Add at least one entry"),
    "string_type": ("{value} is not text", _TEXT),
    "string_too_short": ("it is empty", _TEXT),
    "invalid_key": ("YAML reads this key as {value}, not as text", "Put it in quotes, or remove it"),
    "bool_type": ("{value} is neither true nor false", "Write true or false, without quotes"),
    "int_type": ("{value} is not a whole number", "Write a whole number, without quotes"),
    "greater_than_equal": ("{value} is too small", "Write {ge} or more"),
    "less_than_equal": ("{value} is too large", "Write {le} or less"),
    "enum": ("{value} is not known here", "Write {expected}"),
}
"""Templates of the problem and the remedy, by pydantic's type of the error."""


def _problem_and_remedy(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, str]:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known_keys = sorted(_node(model, detail["loc"][:-1]).get("properties", {}))
        return "this key is not known", _known_instead(str(detail["loc"][-1]), known_keys)
    problem, remedy = _WORDS.get(kind, (f"{{value}} does not fit ({kind})", "Correct the value"))
    if value is None and kind != "refused":
        problem = "nothing is written here"
    known = _keys_to_write(_node(model, detail["loc"])) if kind == "model_type" else ""
    if kind == "missing":
        remedy += _what_to_add(_node(model, detail["loc"]))
    context = {**detail.get("ctx", {}), "value": shown(value), "known": known}
    return problem.format(**context), remedy.format(**context)


def _known_instead(written: str, known: list[str]) -> str:
    close = get_close_matches(written, known, n=1)
    if close:
        return f"Write {close[0]!r} instead, or remove it"
    return f"Remove it; known here: {', '.join(known)}" if known else "Remove it"


def _what_to_add(node: dict[str, Any]) -> str:
    """Return the choices or the keys of a part of the schema; empty if it has neither."""
    if choices := node.get("enum"):
        return f": {' or '.join(map(repr, choices))}"
    if needed := node.get("required"):
        return f", with: {', '.join(needed)}"
    return f", with one or more of: {keys}" if (keys := ", ".join(node.get("properties", ()))) else ""


def _keys_to_write(node: dict[str, Any]) -> str:
    keys = ", ".join(node.get("properties", {}))
    needed = node.get("required") or node.get("minProperties")
    return f"keys with values here: {keys}" if needed else f"{{}} or keys with values here: {keys}"


def _node(model: type[BaseModel], location: tuple[int | str, ...]) -> dict[str, Any]:
    """Return the part of the JSON schema at a location, through optionals, lists and maps."""
    schema = model.model_json_schema(by_alias=True)
    here = schema
    for part in location:
        several = (option for option in here.get("anyOf", ()) if isinstance(part, int) and "items" in option)
        here = _resolved(next(several, here), schema)
        inner = here.get("items") if isinstance(part, int) else here.get("properties", {}).get(part)
        here = inner or next(iter(here.get("patternProperties", {}).values()), here.get("additionalProperties")) or {}
    return _resolved(here, schema)


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            node = option
            break
    name = node.get("$ref", "").removeprefix("#/$defs/")
    resolved: dict[str, Any] = schema["$defs"][name] if name else node
    return resolved
