"""Values of a binding that other stacks export: ``vpc: {from: {stack: acme/network/prod, output: vpcId}}``.

A reference may stand where the binding has the id of a resource, a name as text, an address block, or a list of these.
It is replaced before the binding is checked, so that nothing else knows of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from ipaddress import ip_network
from itertools import islice
from typing import Any, Final

from flash_ticket.firewall.declare.validation import MOST_MISTAKES, FileModel
from flash_ticket.firewall.terms.input_error import InputError, gathered, refuse_all, shown

FROM = "from"
_KEYS = {"stack", "output"}
_STACK = r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+){2}"
_EXAMPLE = "{from: {stack: acme/network/prod, output: vpcId}}"

SYMBOLIC_BLOCKS = ip_network("198.19.96.0/19")
"""Where made-up blocks come from; `flash_ticket.firewall.bind.symbolic_account` has the rest of 198.18.0.0/15."""

_SMALLEST = 28


class Withheld(Enum):
    """An output that a stack has. This program may not read it."""

    SECRET = "secret"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stack whose outputs cannot be read.

    Attributes:
        why: Pulumi's own words.
    """

    why: str


Outputs = Mapping[str, object] | Unreadable
"""The outputs of a stack, by name."""

ReadOutputs = Callable[[str], Outputs]
"""Returns the outputs of a stack, by its full name."""


class Kind(Enum):
    """What the binding has at a place."""

    TEXT = "an id or a name"
    BLOCK = "an address block"
    TEXTS = "a list of ids or names"
    BLOCKS = "a list of address blocks"
    ONE = "the id of one resource"
    SOME = "a list of ids"
    EACH = "a list of ids of single resources"

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return self in _LISTS


_LISTS: Final = {Kind.TEXTS, Kind.BLOCKS, Kind.SOME, Kind.EACH}


def with_values(content: Any, model: type[FileModel], source: str, prefix: str, read: ReadOutputs | None) -> Any:  # noqa: ANN401 - parsed YAML
    """Return content with a value in place of each reference to another stack's output.

    Args:
        content: Parsed YAML or JSON that the model describes.
        model: What the content should be.
        source: The file, as the user names it.
        prefix: The key of the content within the file.
        read: Reads the outputs of a stack. Without it, made-up values stand for them, the same for the same reference.

    Raises:
        InputError: A reference is not written as one or stands where no value of another stack can be, or its stack or
            output is missing, secret or of another type. The error holds every such mistake.
    """
    if not any(_references(content)):
        return content
    replacing = _Replacing(model, source, prefix, read)
    found = replacing.of(content, ())
    refuse_all(islice(replacing.mistakes, MOST_MISTAKES))
    return found


def _references(content: object) -> Iterator[bool]:
    """Yield for each part that may be a reference."""
    if isinstance(content, dict):
        if FROM in content:
            yield True
        for each in content.values():
            yield from _references(each)
    elif isinstance(content, list):
        for each in content:
            yield from _references(each)


Place = tuple[int | str, ...]


@dataclass(slots=True)
class _Replacing:
    """Replaces the references of one content, and collects the mistakes in them."""

    model: type[FileModel]
    source: str
    prefix: str
    read: ReadOutputs | None
    mistakes: list[InputError] = field(default_factory=list)
    outputs: dict[str, Outputs] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    blocks: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, content: object, place: Place) -> object:
        if isinstance(content, dict):
            written = content.get(FROM)
            if FROM in content and (kinds := self._kinds(place, written)):
                return self._value(content, written, kinds, place)
            return {key: self.of(each, (*place, str(key))) for key, each in content.items()}
        if isinstance(content, list):
            return [self.of(each, (*place, at)) for at, each in enumerate(content)]
        return content

    def _kinds(self, place: Place, written: object) -> list[Kind]:
        here: list[Mapping[str, Any]] = [_whole_schema(self.model)]
        for part in place:
            here = [inner for each in here for inner in _below(each, part)]
        kinds = list(dict.fromkeys(kind for each in here for kind in kinds_of(each)))
        if not kinds and isinstance(written, dict) and set(written) == _KEYS:
            remedy = "Write it where the binding has an id, a name, an address block, or a list of these"
            self._fail(place, "no value of another stack can stand here", remedy)
        return kinds

    def _value(self, content: Mapping[str, object], written: object, kinds: list[Kind], at: Place) -> object:
        found: object = content
        with gathered(self.mistakes):
            stack, output = self._reference(content, written, at)
            found = self._made_up(stack, output, kinds[0])
            if self.read:
                found = self._read(self.read, stack, output, kinds, at)
        return found

    def _reference(self, content: Mapping[str, object], written: object, at: Place) -> tuple[str, str]:
        named = written if isinstance(written, dict) else {}
        stack, output = named.get("stack"), named.get("output")
        if others := sorted(map(str, set(content) - {FROM})):
            raise self._refusal(at, f"from and {' and '.join(others)} are given together", "Keep one of them")
        if set(named) != _KEYS or not isinstance(output, str) or not output:
            raise self._refusal(
                (*at, FROM), f"{shown(written)} does not name a stack and its output", f"Write {_EXAMPLE}"
            )
        if not isinstance(stack, str) or not re.fullmatch(_STACK, stack):
            remedy = (
                "Write organization/project/stack, such as acme/network/prod; without Pulumi Cloud, write the word "
                "organization as the first part"
            )
            raise self._refusal((*at, FROM, "stack"), f"{shown(stack)} is not the full name of a stack", remedy)
        return stack, output

    def _read(self, read: ReadOutputs, stack: str, output: str, kinds: list[Kind], at: Place) -> object:
        if stack not in self.outputs:
            self.outputs[stack] = read(stack)
        outputs, place = self.outputs[stack], (*at, FROM)
        if isinstance(outputs, Unreadable):
            if stack in self.unreadable:
                return None  # the first reference has said so
            self.unreadable.add(stack)
            remedy = "Correct the name, deploy that stack first, or log in to where its state is (pulumi login)"
            raise self._refusal(
                (*place, "stack"), f"the outputs of {stack} cannot be read: {outputs.why.rstrip('.')}", remedy
            )
        if output not in outputs:
            known = ", ".join(sorted(outputs)) or "nothing"
            raise self._refusal(
                (*place, "output"), f"{stack} has no output {shown(output)}", f"Write one of its outputs: {known}"
            )
        value = outputs[output]
        if value is Withheld.SECRET:
            problem = f"the output {output} of {stack} is a secret, and its value would be recorded in plain text"
            raise self._refusal((*place, "output"), problem, "Export it without pulumi.secret, or write the value here")
        return self._fitted(value, kinds, f"the output {output} of {stack}", (*place, "output"))

    def _fitted(self, value: object, kinds: list[Kind], name: str, at: Place) -> object:
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(each, str) and each for each in texts):
            what = " or ".join(each.value for each in kinds)
            raise self._refusal(
                at, f"{name} is {shown(value)}, and {what} belongs here", "Export that as text, or as a list of texts"
            )
        lists = [each for each in kinds if each.is_list]
        if isinstance(value, list) and not lists:
            raise self._refusal(at, f"{name} is a list, and {kinds[0].value} belongs here", "Export a single value")
        return _as(next((each for each in kinds if each.is_list == isinstance(value, list)), kinds[0]), texts)

    def _made_up(self, stack: str, output: str, kind: Kind) -> object:
        if kind in (Kind.BLOCK, Kind.BLOCKS):
            blocks = SYMBOLIC_BLOCKS.subnets(new_prefix=_SMALLEST)
            if (stack, output) not in self.blocks:
                self.blocks[stack, output] = str(next(islice(blocks, len(self.blocks), None)))
            return _as(kind, [self.blocks[stack, output]])
        return _as(kind, [re.sub(r"[^A-Za-z0-9]", "-", f"{stack}-{output}")])

    def _refusal(self, place: Place, problem: str, remedy: str) -> InputError:
        key = self.prefix
        for part in place:
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
        return InputError(self.source, key, problem, remedy)

    def _fail(self, place: Place, problem: str, remedy: str) -> None:
        self.mistakes.append(self._refusal(place, problem, remedy))


def _as(kind: Kind, texts: list[Any]) -> object:
    """Return texts in the form that the binding has at such a place."""
    match kind:
        case Kind.TEXT | Kind.BLOCK:
            return texts[0]
        case Kind.TEXTS | Kind.BLOCKS:
            return texts
        case Kind.ONE:
            return {"id": texts[0]}
        case Kind.SOME:
            return {"ids": texts}
        case Kind.EACH:
            return [{"id": each} for each in texts]


BLOCK_FORMAT = "cidr"
"""The format of an address block in a JSON schema."""


def kinds_of(schema: Mapping[str, Any]) -> list[Kind]:
    """Return what a part of a JSON schema without references accepts from another stack; empty for nothing."""
    return [kind for each in _options(schema) if (kind := _kind(each))]


def _kind(schema: Mapping[str, Any]) -> Kind | None:
    keys = schema.get("properties", {}).keys()
    if {"tags", "id"} <= keys:
        return Kind.ONE
    if {"tags", "ids"} <= keys:
        return Kind.SOME
    if schema.get("type") == "string" and not schema.keys() & {"pattern", "enum", "const"}:
        return _OF_FORMAT.get(schema.get("format"))
    if schema.get("type") == "array":
        return next((_OF_EACH[kind] for each in _options(schema["items"]) if (kind := _kind(each)) in _OF_EACH), None)
    return None


_OF_FORMAT = {None: Kind.TEXT, BLOCK_FORMAT: Kind.BLOCK}
_OF_EACH = {Kind.TEXT: Kind.TEXTS, Kind.BLOCK: Kind.BLOCKS, Kind.ONE: Kind.EACH}


@cache
def _whole_schema(model: type[FileModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    whole: dict[str, Any] = without_references(schema, schema.get("$defs", {}))
    return whole


def without_references(node: Any, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a part of a JSON schema
    """Return a part of a JSON schema with what it refers to in place."""
    if isinstance(node, dict):
        if "$ref" in node:
            return without_references(known[node["$ref"].rpartition("/")[2]], known)
        return {key: without_references(each, known) for key, each in node.items() if key != "$defs"}
    return [without_references(each, known) for each in node] if isinstance(node, list) else node


def _options(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "anyOf" not in schema:
        yield schema
    for each in schema.get("anyOf", ()):
        yield from _options(each)


def _below(schema: Mapping[str, Any], part: int | str) -> Iterator[Mapping[str, Any]]:
    """Yield what a schema accepts at an index of a list or a key of a mapping."""
    if isinstance(part, int):
        inner = schema.get("items")
    else:
        others = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
        inner = schema.get("properties", {}).get(part, others)
    if isinstance(inner, Mapping):
        yield from _options(inner)
