"""YAML text to plain values, in memory and time bounded by the text's length whatever it holds.

Aliases are what makes YAML grow beyond its text: a document may use them as long as it stays below a number of values
when written out. The text itself is read event by event, so that a bomb is found while it is still small.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, Never

import yaml

from flash_ticket.firewall.analyse.manifests.block_yaml import Declined, plain, read_block
from flash_ticket.firewall.terms.input_error import InputError

MOST_VALUES_WITH_ALIASES = 1_000_000
DEEPEST_NESTING = 200
LONGEST_QUICK_DOCUMENT = 8 << 20  # the quick reader holds all lines of a document at once

_MARKER = re.compile(r"^---(?:[ ]*(?:#.*)?$|(?=[ \t]))", re.MULTILINE)
_NEEDS_WHOLE_TEXT = re.compile(r"^(?:\.\.\.|%)|^---[ \t]*[^ \t#\n-]", re.MULTILINE)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlDocument(NamedTuple):
    """One document of a text.

    Attributes:
        line: The line that it starts on, from 1; that of its marker if it has one.
        value: What it holds; None for an empty document.
    """

    line: int
    value: object


def read_yaml(text: str, source: str) -> Iterator[YamlDocument]:
    """Yield the documents of a text in order.

    Args:
        text: What the file holds.
        source: The file, for errors.

    Raises:
        InputError: The text is not YAML, says a key twice, nests too deeply, or grows too large by its aliases.
    """
    text = text.replace("\r\n", "\n")
    if _NEEDS_WHOLE_TEXT.search(text):
        yield from _read_completely(text, source, 0)
        return
    begin, line = 0, 0
    for marker in chain(_MARKER.finditer(text), (None,)):
        part = text[begin : marker.start() if marker else len(text)]
        value = read_block(part) if len(part) <= LONGEST_QUICK_DOCUMENT else Declined.DECLINED
        if value is Declined.DECLINED:
            yield from (YamlDocument(line + 1, found.value) for found in _read_completely(part, source, line))
        elif value is not None:
            yield YamlDocument(line + 1, value)
        line += part.count("\n")
        begin = marker.end() if marker else len(text)


def _read_completely(text: str, source: str, lines_before: int) -> Iterator[YamlDocument]:
    builder: _Builder | None = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(source, lines_before)
                line = _line(event) + lines_before
            elif isinstance(event, yaml.DocumentEndEvent):
                if builder is not None and builder.root is not None:
                    yield YamlDocument(line, builder.root)
            elif builder is not None:
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + lines_before + 1}" if mark else ""
        said = error.problem or error.context or "the text is not YAML"
        raise InputError(source, where, f"not YAML: {said}", "Mend the file") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise InputError(source, "", f"not YAML: {said}", "Mend the file") from None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Builder:
    """Makes values out of one document's events."""

    __slots__ = ("_anchors", "_lines_before", "_merged", "_open", "_size", "_source", "_uses_aliases", "root")

    def __init__(self, source: str, lines_before: int) -> None:
        self.root: object = None
        self._source = source
        self._lines_before = lines_before
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[object, int]] = {}
        self._size = 0
        self._uses_aliases = False

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            value: object = event.value
            if event.implicit[0] and not event.style:
                value = event.value if self._expects_key() else plain(event.value)
            self._add(value, 1, event, is_plain=not event.style)
        elif isinstance(event, yaml.AliasEvent):
            found = self._anchors.get(event.anchor or "")
            if found is None:
                self._fail(event, f"the alias *{event.anchor} has no anchor before it", "Define the anchor first")
            self._uses_aliases = True
            value, size = found
            self._add(value, size, event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(self._open) >= DEEPEST_NESTING:
                self._fail(event, f"nested more than {DEEPEST_NESTING} levels deep", "Flatten it")
            holder: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append(_Open(holder, event.anchor, self._size))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            done = self._open.pop()
            if isinstance(done.holder, dict):
                done.merge()
            if done.anchor:
                self._anchors[done.anchor] = (done.holder, self._size - done.size_before + 1)
            self._add(done.holder, 1, event)

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].holder, dict) and self._open[-1].key is None

    def _add(self, value: object, size: int, event: yaml.Event, *, is_plain: bool = False) -> None:
        self._size += size
        if self._uses_aliases and self._size > MOST_VALUES_WITH_ALIASES:
            self._fail(
                event,
                f"its aliases make it more than {MOST_VALUES_WITH_ALIASES:,} values",
                "Write the document out with fewer aliases",
            )
        anchor = getattr(event, "anchor", None)
        if anchor and isinstance(event, yaml.ScalarEvent):
            self._anchors[anchor] = (value, 1)
        if not self._open:
            self.root = value
            return
        place = self._open[-1]
        if isinstance(place.holder, list):
            place.holder.append(value)
        elif place.key is None:
            self._begin_entry(place, value, event, is_plain=is_plain)
        else:
            key, place.key = place.key, None
            if key is _MERGE:
                place.merged.extend(value if isinstance(value, list) else [value])
            elif key in place.holder:
                self._fail(event, f"the key {key!r} is written twice", "Keep one of the two")
            else:
                place.holder[key] = value

    def _begin_entry(self, place: "_Open", value: object, event: yaml.Event, *, is_plain: bool) -> None:
        if value == "<<" and is_plain:
            place.key = _MERGE
        elif isinstance(value, (dict, list)):
            self._fail(event, "a key that is itself a mapping or a list", "Use a plain word as the key")
        else:
            place.key = str(value)

    def _fail(self, event: yaml.Event, problem: str, remedy: str) -> Never:
        raise InputError(self._source, f"line {_line(event) + self._lines_before}", problem, remedy)


_MERGE = "<<"


class _Open:
    """A mapping or sequence whose end is still to come."""

    __slots__ = ("anchor", "holder", "key", "merged", "size_before")

    def __init__(self, holder: dict[str, object] | list[object], anchor: str | None, size_before: int) -> None:
        self.holder = holder
        self.anchor = anchor
        self.size_before = size_before
        self.key: str | None = None
        self.merged: list[object] = []

    def merge(self) -> None:
        """Give the mapping the entries of those it merges, its own and earlier ones winning."""
        if isinstance(self.holder, dict):
            for other in self.merged:
                if isinstance(other, dict):
                    for key, value in other.items():
                        self.holder.setdefault(key, value)
