"""The one error for input that a person can mend."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

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


# Not frozen: Python itself sets an exception's traceback where it passes a context manager.
@dataclass(slots=True, eq=False)
class InputError(Exception):
    """Bad input, told as where it stands, what is wrong and what to do.

    Attributes:
        source: The file (or account, or cluster) that holds the mistake, as the user names it.
        key: The path within the source, dotted: ``flows[2].to``. Empty when the whole source is meant.
        problem: What is wrong, with the offending value.
        remedy: What to write instead, in the imperative.
    """

    source: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return one line: ``source: key: problem. remedy.``; what would break or hide the line is escaped."""
        where = f"{self.source}: {self.key}" if self.key else self.source
        return escaped(f"{where}: {self.problem}. {self.remedy}.")


_YAML_WORDS = {None: "null", True: "true", False: "false"}
_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """Return a user's value for an error's words: short, and as it was written where that is known."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = "a value too long to show"
    half = _SHOWN_LENGTH // 2 - 2
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:half]}...{text[-half:]}"
