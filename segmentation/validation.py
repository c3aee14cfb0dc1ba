"""The file boundary: what pydantic refuses, told as one InputError."""

from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from segmentation.input_error import InputError


class FileModel(BaseModel):
    """A part of a file that people write: unknown keys are refused, values are not coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_enum_values=False)


Model = TypeVar("Model", bound=FileModel)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """Return an error for a pydantic validator to raise, with the remedy that the user is told."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def validated(model: type[Model], content: Any, source: str, prefix: str = "") -> Model:  # noqa: ANN401 - parsed YAML
    """Return the content as a model.

    Args:
        model: What the content should be.
        content: Parsed YAML or JSON.
        source: The file, as the user names it.
        prefix: The key that holds the content within the file; empty for the whole file.

    Raises:
        InputError: With the first mistake, an unknown key before a missing one: a misspelling causes both.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
    first = min(found, key=lambda detail: (detail["type"] != "extra_forbidden", found.index(detail)))
    key = _key(prefix, first["loc"])
    raise InputError(source, key, _problem(first), _remedy(model, first))


def _key(prefix: str, location: tuple[int | str, ...]) -> str:
    key = prefix
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part != "[key]":
            key += f".{part}" if key else part
    return key


def _problem(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "this key is not known"
        case "missing":
            return "this key is missing"
        case "refused":
            return detail["msg"]
        case _:
            message = detail["msg"]
            return f"{shown(detail['input'])} does not fit: {message[:1].lower()}{message[1:]}"


def _remedy(model: type[BaseModel], detail: ErrorDetails) -> str:
    match detail["type"]:
        case "refused":
            return str(detail["ctx"]["remedy"])
        case "missing":
            return "Add it"
        case "extra_forbidden":
            known = _known_keys(model, detail["loc"][:-1])
            close = get_close_matches(str(detail["loc"][-1]), known, n=1)
            if close:
                return f"Write {close[0]}"
            return f"Remove it; known here: {', '.join(known)}" if known else "Remove it"
        case _:
            return "Correct the value"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Follow a location through the JSON schema, which resolves optionals, lists and maps alike."""
    schema = model.model_json_schema(by_alias=True)
    here = schema
    for part in location:
        here = _resolved(here, schema)
        inner = here.get("items") if isinstance(part, int) else here.get("properties", {}).get(part)
        here = inner or next(iter(here.get("patternProperties", {}).values()), here.get("additionalProperties")) or {}
    return sorted(_resolved(here, schema).get("properties", {}))


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            node = option
            break
    name = node.get("$ref", "").removeprefix("#/$defs/")
    resolved: dict[str, Any] = schema["$defs"][name] if name else node
    return resolved


def shown(value: object) -> str:
    """Return a user's value short and free of control characters."""
    text = repr(value)
    limit = 60
    return text if len(text) <= limit else text[: limit - 3] + "..."
