"""YAML text to plain values, strictly and in bounds.

The complete reader takes the text event by event. It refuses a key written twice, and finds nesting without end, or
aliases of aliases, while they are still small. A quick reader takes the documents that it is sure about.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple, Never

import yaml

from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.yaml.block import Declined, read_block
from flash_ticket.firewall.terms.yaml.scalars import UnclearNumberError

MOST_VALUES_WITH_ALIASES = 1_000_000
_LONGEST_QUICK_DOCUMENT = 8 << 20  # the quick reader holds all lines of a document at once

_LINE_END = re.compile(r"(?<!\r)\r\n")
"""The line ends of Windows. Where a break of its own comes before one, the complete reader sees both."""

_MARKER = re.compile(r"^---(?: +#[ -~]*| *)$", re.MULTILINE)
"""A marker with nothing after it but blanks or a comment in ASCII."""

_OTHER_BREAKS = ("\r", "\x85", "\u2028", "\u2029", "\ufeff")
"""Where YAML 1.1 breaks the line and Python's patterns do not. The last one is a mark that may begin a document."""

_NEEDS_WHOLE_TEXT = re.compile(r"^(?:\.\.\.|%)|^---(?!-)(?! *$| +#[ -~]*$)", re.MULTILINE)
"""The end of a document, a directive, or a marker with more after it."""


_MOST_MISTAKES = 100
"""With more mistakes than this, the file is not what it should be, and reading it stops."""


class Aliases(Enum):
    """Whether a file may name values (&), repeat them (*), and give them types (!)."""

    REFUSED = "refused"
    BOUNDED = "bounded"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a kind of file is read.

    Attributes:
        plain: Returns the value of text without quotes, or raises a ValueError that says what is wrong with it.
        key: The same for a key.
        aliases: Whether aliases are allowed, below a number of values when written out.
        deepest: The highest number of levels of nesting.
    """

    plain: Callable[[str], object]
    key: Callable[[str], object]
    aliases: Aliases
    deepest: int


class YamlDocument(NamedTuple):
    """One document of a text.

    Attributes:
        line: The line that it starts on, from 1; that of its marker if it has one.
        value: What it holds; None for an empty document.
    """

    line: int
    value: Any


def read_yaml(text: str, source: str, rules: Rules, mistakes: list[InputError] | None = None) -> Iterator[YamlDocument]:
    """Yield the documents of a text in order.

    The documents may share empty mappings and sequences: do not change them.

    Args:
        text: What the file holds.
        source: The file, for errors.
        rules: How to read it.
        mistakes: Receives each broken rule and each key that appears twice, and the rest is read as it is meant.
            Without it, the first one is an error.

    Raises:
        InputError: The text is not YAML or breaks a rule, or has a key twice.
    """
    text = _LINE_END.sub("\n", text)
    if any(each in text for each in _OTHER_BREAKS) or _NEEDS_WHOLE_TEXT.search(text):
        yield from _read_completely(text, source, rules, 0, mistakes)
        return
    begin, line = 0, 0
    for marker in chain(_MARKER.finditer(text), (None,)):
        part = text[begin : marker.start() if marker else len(text)]
        value = read_block(part) if len(part) <= _LONGEST_QUICK_DOCUMENT else Declined.DECLINED
        if value is Declined.DECLINED:
            found = [*_read_completely(part, source, rules, line, mistakes)]
            value = found[0].value if found else None  # a part holds no marker, so it is one document at most
        if begin or value is not None:
            yield YamlDocument(line + 1, value)
        line += part.count("\n")
        begin = marker.end() if marker else len(text)


def _read_completely(
    text: str, source: str, rules: Rules, lines_before: int, mistakes: list[InputError] | None
) -> Iterator[YamlDocument]:
    events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(events, source, rules, lines_before, mistakes)
                mark: Any = event.start_mark
                yield YamlDocument(mark.line + lines_before + 1, builder.value(next(events), 0, rules.plain))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        where, remedy = (_place(mark, lines_before), "Correct the YAML there") if mark else ("", "Correct the YAML")
        if mark and _TAB.match(_line(text, mark.line)):
            problem, remedy = "a tab indents this line", "Replace the tab with spaces"
        raise InputError(source, where, f"this is not YAML: {problem}", remedy) from None


_TAB = re.compile(r"[ -]*\t")


def _line(text: str, number: int) -> str:
    lines = text.split("\n", number + 1)
    return lines[number] if number < len(lines) else ""


def _place(mark: Any, lines_before: int) -> str:  # noqa: ANN401 - the stubs know only the mark of the slower parser
    return f"line {mark.line + lines_before + 1}, column {mark.column + 1}"


@dataclass(slots=True)
class _Builder:
    """Makes one document's values out of its events."""

    events: Iterator[Any]  # the kinds of events have no attributes in common
    source: str
    rules: Rules
    lines_before: int
    mistakes: list[InputError] | None
    anchors: dict[str, tuple[object, int]] = field(default_factory=dict)
    size: int = 0

    def value(self, event: Any, depth: int, plain: Callable[[str], object]) -> object:  # noqa: ANN401 - as above
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        before = self.size
        self.size += 1
        found: object
        if event.tag and self.rules.aliases is Aliases.REFUSED:
            self._report(event, f"the tag {shown(event.tag)} is not allowed here", "Remove it, and put text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            found = self._scalar(event, plain)
        elif depth == self.rules.deepest:
            remedy = "Write it with fewer brackets or less indentation"
            self._fail(event, f"more than {depth} levels of nesting are not allowed here", remedy)
        elif isinstance(event, yaml.SequenceStartEvent):
            found = [self.value(each, depth + 1, plain) for each in self._until(yaml.SequenceEndEvent)]
        else:
            found = self._mapping(depth + 1)
        if event.anchor:
            self.anchors[event.anchor] = found, self.size - before
        return found

    def _aliased(self, event: yaml.AliasEvent) -> object:
        if self.rules.aliases is Aliases.REFUSED:
            self._report(event, "an alias (*) is not allowed here", "Write its value out")
            return None
        if event.anchor not in self.anchors:
            self._fail(event, f"the alias *{event.anchor} has no anchor before it", "Define the anchor first")
        found, size = self.anchors[event.anchor]
        self.size += size
        if self.size > MOST_VALUES_WITH_ALIASES:
            problem = f"its aliases make it more than {MOST_VALUES_WITH_ALIASES:,} values"
            self._fail(event, problem, "Write the document out with fewer aliases")
        return found

    def _scalar(self, event: yaml.ScalarEvent, plain: Callable[[str], object]) -> object:
        if event.style or not event.implicit[0]:
            return event.value
        try:
            return plain(event.value)
        except UnclearNumberError as error:
            self._report(event, str(error), error.remedy)
            return error.meant
        except ValueError as error:
            self._report(event, str(error), "Correct it, or put it in quotes")
            return event.value

    def _mapping(self, depth: int) -> dict[object, object]:
        found: dict[object, object] = {}
        merged: list[object] = []
        for event in self._until(yaml.MappingEndEvent):
            key = self.value(event, depth, self.rules.key)
            if isinstance(key, (dict, list)):
                self._fail(event, "a key is itself a mapping or a list", "Use a plain word as the key")
            if isinstance(event, yaml.AliasEvent):
                key = str(key)
            if key in found:
                self._report(event, f"the key {shown(key)} appears twice", "Remove one of them")
            value = self.value(next(self.events), depth, self.rules.plain)
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and not event.style:
                merged.extend(value if isinstance(value, list) else [value])
            else:
                found[key] = value
        for other in merged:
            if isinstance(other, dict):  # the mapping's own entries win, then those of earlier ones
                found = {**found, **{each: other[each] for each in other if each not in found}}
        return found

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def _report(self, event: Any, problem: str, remedy: str) -> None:  # noqa: ANN401 - as above
        """Keep a mistake that reading can go on after, or raise it as an error."""
        if self.mistakes is None or len(self.mistakes) == _MOST_MISTAKES:
            self._fail(event, problem, remedy)
        self.mistakes.append(InputError(self.source, _place(event.start_mark, self.lines_before), problem, remedy))

    def _fail(self, event: Any, problem: str, remedy: str) -> Never:  # noqa: ANN401 - as above
        raise InputError(self.source, _place(event.start_mark, self.lines_before), problem, remedy)
