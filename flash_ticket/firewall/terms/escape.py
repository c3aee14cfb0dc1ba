"""Text that others wrote, made harmless to show: no line break or terminal escape gets through."""

import re
from collections.abc import Iterable

# Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties) and the blank of Braille: Python calls them printable,
# and nobody sees them, so that two names would look the same.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def escaped(text: str) -> str:
    r"""Return the text with what would break, hide or turn a line written out, such as ``\x1b`` and ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_seen(each) else each.encode("unicode_escape").decode() for each in text)


def escaped_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, each ended with a line break and none holding another."""
    return "".join(f"{escaped(line)}\n" for line in lines)


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _UNSEEN.match(character)
