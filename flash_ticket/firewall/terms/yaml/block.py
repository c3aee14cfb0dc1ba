"""A quick reader of the YAML that manifests are mostly written in.

It reads block mappings and sequences of plain and simply quoted scalars, one to a line, and declines anything else. It
also declines text without quotes that YAML 1.1 and Kubernetes read differently, and numbers that are not plain decimal.
So it never gives a document another meaning than the complete reader does; a test compares the two. Manifests repeat
their lines, so it takes each distinct line apart once.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from flash_ticket.firewall.terms.yaml.scalars import is_unclear_number, kubernetes_scalar, yaml_1_1_scalar

_DEEPEST = 20
"""Levels of nesting. Far fewer than any rules allow, and no manifest needs more."""

_LONGEST_KEY = 400
"""Longer than any label's key. YAML 1.1 allows a key on one line at most 1,024 characters."""


class Declined(Enum):
    """The reader's answer to a document that it leaves to the complete parser."""

    DECLINED = "declined"


class _LineShape(Enum):
    BLANK = "blank"
    UNUSUAL = "unusual"
    BELOW = "the value is on the lines below"


_Collection = dict[str, object] | list[object]


class _ParsedLine(NamedTuple):
    start: int  # column of the dash, or of the key without one
    is_item: bool  # whether there is a dash
    column: int  # column of what follows the dash
    key: str | None  # None for a bare item of a sequence
    value: object


_WORD = r"[A-Za-z0-9_/.](?:[A-Za-z0-9_/.@+=,~()\-]|:(?=[^ ])| +(?=[^ #:]))*"
_VALUE = rf"""(?P<plain>{_WORD})|"(?P<double>[^"\\]*)"|'(?P<single>[^']*)'|(?P<map>\{{\}})|(?P<list>\[\])"""
_KEY = rf"[A-Za-z0-9_/][A-Za-z0-9_/.\-]{{0,{_LONGEST_KEY - 1}}}"
_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?(?:(?P<key>{_KEY}):(?: +(?:{_VALUE}))?(?: +#.*)? *"
    rf"|(?:{_VALUE.replace('(?P<', '(?P<item_')})(?: +#.*)? *)"
)
_BLANK = re.compile(r" *(?:#.*)?")
_BARE_DASH = re.compile(r" *-(?: +#.*)? *")
_FORMS = ("plain", "double", "single", "map", "list")


@lru_cache(maxsize=1 << 17)
def _take_apart(text: str) -> _ParsedLine | _LineShape:
    if not text.isprintable():
        return _LineShape.UNUSUAL
    if _BLANK.fullmatch(text):
        return _LineShape.BLANK
    if _BARE_DASH.fullmatch(text):
        column = text.index("-")
        return _ParsedLine(column, True, column + 1, None, _LineShape.BELOW)  # noqa: FBT003  # the field's name says it
    found = _LINE.fullmatch(text)
    key = found and found["key"]
    if found is None or (found["dash"] is None if key is None else _plain(key) != key):
        return _LineShape.UNUSUAL
    prefix = "item_" if key is None else ""
    written = ((form, found[prefix + form]) for form in _FORMS)
    value = next((_value(form, text) for form, text in written if text is not None), _LineShape.BELOW)
    if value is _LineShape.UNUSUAL:
        return _LineShape.UNUSUAL
    start = len(found["indent"])
    return _ParsedLine(start, found["dash"] is not None, start + len(found["dash"] or ""), key, value)


def _value(form: str, written: str) -> object:
    if form == "plain":
        return _plain(written.rstrip(" "))
    if form == "map":
        return {}
    return [] if form == "list" else written


def _plain(text: str) -> object:
    value = kubernetes_scalar(text)
    try:
        agreed = repr(yaml_1_1_scalar(text)) == repr(value)
    except ValueError:
        return _LineShape.UNUSUAL
    return value if agreed and not is_unclear_number(text, value) else _LineShape.UNUSUAL


def read_block(text: str) -> object:  # noqa: C901, PLR0912  # one loop: a call for each line would double the time
    """Return the one document that the text holds, or ``Declined.DECLINED``.

    The text holds no document marker. Empty mappings and sequences may be shared between places: do not change them.
    """
    root: _Collection | None = None
    holder: _Collection | None = None  # the mapping or sequence that the last line belongs to
    at = -1  # the column that it stands in
    above: list[tuple[int, _Collection]] = []  # those that holder is in, outermost first
    waiting: _Collection | None = None  # whose value, at waiting_key, the next line begins if it stands further in
    waiting_key: str | int = 0
    waiting_at = 0
    for line in text.split("\n"):
        parts = _take_apart(line)
        if parts is _LineShape.BLANK:
            continue
        if parts is _LineShape.UNUSUAL:
            return Declined.DECLINED
        start, is_item, column, key, value = parts  # type: ignore[misc]  # the two shapes are dealt with
        if waiting is not None:
            if start > waiting_at or (start == waiting_at and is_item and type(waiting) is dict):
                below: _Collection = [] if is_item else {}
                waiting[waiting_key] = below  # type: ignore[index]  # a key in a mapping, -1 in a sequence
                if len(above) == _DEEPEST:
                    return Declined.DECLINED
                if holder is not None:
                    above.append((at, holder))
                at, holder = start, below
            waiting = None
        while at > start and above:
            at, holder = above.pop()
        if not is_item and at == start and type(holder) is list and above:
            at, holder = above.pop()  # a sequence may begin in its key's column; the next key ends it
        if root is None:
            at, holder = start, ([] if is_item else {})
            root = holder
        if at != start:
            return Declined.DECLINED
        if is_item:
            if type(holder) is not list:
                return Declined.DECLINED
            if key is None:
                holder.append(None if value is _LineShape.BELOW else value)
                if value is _LineShape.BELOW:
                    waiting, waiting_key, waiting_at = holder, -1, start
                continue
            above.append((at, holder))
            at, holder = column, {}
            above[-1][1].append(holder)  # type: ignore[union-attr]  # seen to be a list above
        if type(holder) is not dict or key is None or key in holder:
            return Declined.DECLINED
        if value is _LineShape.BELOW:
            holder[key] = None
            waiting, waiting_key, waiting_at = holder, key, column
        else:
            holder[key] = value
    return root
