"""The width of text without a known font: an upper bound, so that text that should fit really fits.

A picture is drawn with the sans-serif font that its reader has. The bounds are those of the widest common fonts
(Verdana and DejaVu Sans), by class of character.
"""

from itertools import accumulate, takewhile
from unicodedata import east_asian_width

ELLIPSIS = "\u2026"

_CLASSES = (
    (0.41, "ijlI.,:;'|! `"),
    (0.5, 'frt()[]{}-/\\"_'),
    (0.8, "ABCDEFGHKLNOPQRSTUVXYZJ&"),
    (1.0, "mMW@%w=+<>~#" + ELLIPSIS),
)
_BOUND = {character: bound for bound, characters in _CLASSES for character in characters}
_SMALL, _LARGE = 0.66, 1.05
_BOLD = 1.12


def width(content: str, size: float, *, bold: bool = False) -> float:
    """Return the maximal width of a text, in the unit of the font's size."""
    return sum(_bound(character) for character in content) * size * (_BOLD if bold else 1)


def fitted(content: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return the text, or as much of its beginning as fits together with an ellipsis."""
    if width(content, size, bold=bold) <= room:
        return content
    widths = accumulate(width(character, size, bold=bold) for character in content)
    left = room - width(ELLIPSIS, size, bold=bold)
    kept = sum(1 for _ in takewhile(lambda taken: taken <= left, widths))
    return content[:kept].rstrip() + ELLIPSIS


def wrapped(content: str, size: float, room: float) -> list[str]:
    """Return the text in lines, broken between words; a word that is too long for a line is cut."""
    lines: list[str] = []
    for word in content.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size) <= room:
            lines[-1] = joined
        else:
            lines.append(fitted(word, size, room))
    return lines


def _bound(character: str) -> float:
    if character in _BOUND:
        return _BOUND[character]
    wide = not character.isascii() and east_asian_width(character) in "WFA"
    return _LARGE if wide or not character.isascii() else _SMALL
