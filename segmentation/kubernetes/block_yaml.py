"""A quick reader of the YAML that manifests are mostly written in.

It knows block mappings and sequences of plain and simply quoted scalars, one to a line, and gives up on anything else,
so that the complete parser need read only what is unusual. It never gives a document another meaning than that parser
does; a test compares the two. Manifests repeat their lines, so each distinct line is taken apart once.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from segmentation.kubernetes.scalar import plain


class Declined(Enum):
    """The reader's answer to a document that it leaves to the complete parser."""

    DECLINED = "declined"


class _Shape(Enum):
    BLANK = "blank"
    UNUSUAL = "unusual"
    BELOW = "the value is on the lines below"


_Holder = dict[str, object] | list[object]


class _Line(NamedTuple):
    dash: int  # column of the dash, -1 without one
    column: int  # column of what follows the dash
    key: str | None  # None for a bare item of a sequence
    value: object


_WORD = r"[A-Za-z0-9_/.](?:[A-Za-z0-9_/.@+=,~()\-]|:(?=[^ ])| +(?=[^ #:]))*"
_VALUE = rf"""(?P<plain>{_WORD})|"(?P<double>[^"\\]*)"|'(?P<single>[^']*)'|(?P<map>\{{\}})|(?P<list>\[\])"""
_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?(?:(?P<key>[A-Za-z0-9_/][A-Za-z0-9_/.\-]*):(?: +(?:{_VALUE}))?(?: +#.*)? *"
    rf"|(?:{_VALUE.replace('(?P<', '(?P<item_')})(?: +#.*)? *)"
)
_BLANK = re.compile(r" *(?:#.*)?")
_BARE_DASH = re.compile(r" *-(?: +#.*)? *")
_FORMS = ("plain", "double", "single", "map", "list")


@lru_cache(maxsize=1 << 16)
def _take_apart(text: str) -> _Line | _Shape:
    if _BLANK.fullmatch(text):
        return _Shape.BLANK
    if _BARE_DASH.fullmatch(text):
        column = text.index("-")
        return _Line(column, column + 1, None, _Shape.BELOW)
    found = _LINE.fullmatch(text)
    if found is None:
        return _Shape.UNUSUAL
    key, prefix = found["key"], ("item_" if found["key"] is None else "")
    if key is None and found["dash"] is None:
        return _Shape.UNUSUAL
    dash = len(found["indent"]) if found["dash"] else -1
    column = len(found["indent"]) + len(found["dash"] or "")
    for form in _FORMS:
        written = found[prefix + form]
        if written is not None:
            return _Line(dash, column, key, _value(form, written))
    return _Line(dash, column, key, _Shape.BELOW)


def _value(form: str, written: str) -> object:
    if form == "plain":
        return plain(written.rstrip(" "))
    if form == "map":
        return {}
    return [] if form == "list" else written


def read_block(text: str) -> object:
    """Return the one document that the text holds, or ``Declined.DECLINED``.

    The text holds no document marker. Empty mappings and sequences may be shared between places: do not change them.
    """
    reader = _Reader()
    for line in text.split("\n"):
        parts = _take_apart(line)
        if parts is _Shape.BLANK:
            continue
        if not isinstance(parts, _Line) or not reader.accepts(parts):
            return Declined.DECLINED
    return reader.root


class _Reader:
    __slots__ = ("_open", "_waiting", "root")

    def __init__(self) -> None:
        self.root: object = None
        self._open: list[tuple[int, _Holder]] = []
        self._waiting: tuple[int, _Holder, str] | None = None

    def accepts(self, line: _Line) -> bool:
        """Take in one line; False if its place or form is unusual."""
        dash, column, key, value = line
        start = column if dash < 0 else dash
        if self._waiting is not None:
            self._settle(start, is_item=dash >= 0)
        holder = self._holder_at(start, is_item=dash >= 0)
        if dash >= 0:
            if type(holder) is not list:
                return False
            if key is None:
                holder.append(None if value is _Shape.BELOW else value)
                if value is _Shape.BELOW:
                    self._waiting = (start, holder, "")
                return True
            entry: _Holder = {}
            holder.append(entry)
            self._open.append((column, entry))
            holder = entry
        if type(holder) is not dict or key is None or key in holder:
            return False
        if value is _Shape.BELOW:
            holder[key] = None
            self._waiting = (column, holder, key)
        else:
            holder[key] = value
        return True

    def _holder_at(self, start: int, *, is_item: bool) -> "_Holder | None":
        """Return the mapping or sequence that a line beginning in this column belongs to."""
        open_ = self._open
        while open_ and (
            open_[-1][0] > start or (not is_item and open_[-1][0] == start and type(open_[-1][1]) is list)
        ):
            open_.pop()
        if open_:
            at, holder = open_[-1]
            return holder if at == start else None
        if self.root is not None:
            return None
        root: _Holder = [] if is_item else {}
        self.root = root
        open_.append((start, root))
        return root

    def _settle(self, start: int, *, is_item: bool) -> None:
        """Open the mapping or sequence that a key or a dash announced, unless the next line shows it to be null."""
        if self._waiting is None:
            return
        column, holder, key = self._waiting
        self._waiting = None
        same_column = start == column and is_item and isinstance(holder, dict)
        if start <= column and not same_column:
            return
        below: _Holder = [] if is_item else {}
        if isinstance(holder, dict):
            holder[key] = below
        else:
            holder[-1] = below
        self._open.append((start, below))
