"""The one error for input that a person can correct."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

# Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties) and the Braille blank. Python calls them printable, but
# they are invisible, so two different names could look the same.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def escaped(text: str) -> str:
    r"""Return the text with each character that breaks, hides or reverses a line escaped: ``\x1b``, ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_seen(each) else each.encode("unicode_escape").decode() for each in text)


def escaped_lines(lines: Iterable[str]) -> str:
    """Return the lines as one text; each ends with a line break and contains no other."""
    return "".join(f"{escaped(line)}\n" for line in lines)


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _UNSEEN.match(character)


# Not frozen: Python sets an exception's traceback when it passes through a context manager.
@dataclass(slots=True, eq=False)
class InputError(Exception):
    """Bad input: where the mistake is, what is wrong and what to do.

    Attributes:
        source: The file (or account, or cluster) that holds the mistake, as the user names it.
        key: The dotted path within the source: ``flows[2].to``. Empty for the source as a whole.
        problem: What is wrong, with the bad value.
        remedy: What to write instead, in the imperative.
        line: The line of the source, from 1; 0 if it is not known, or if the key says it.
        more: The other mistakes that were found at the same time.
    """

    source: str
    key: str
    problem: str
    remedy: str
    line: int = field(default=0, kw_only=True)
    more: tuple["InputError", ...] = field(default=(), kw_only=True)

    def __str__(self) -> str:
        """Return one line, ``source: key: problem. remedy. See line 3.``, with what is not seen escaped."""
        where = f"{self.source}: {self.key}" if self.key else self.source
        found = f" See line {self.line}." if self.line else ""
        return escaped(f"{where}: {self.problem}. {self.remedy}.{found}")

    @property
    def each(self) -> tuple["InputError", ...]:
        """Every mistake as an error of its own, this one first."""
        return (replace(self, more=()), *self.more) if self.more else (self,)


@contextmanager
def gathered(mistakes: list[InputError]) -> Iterator[None]:
    """Add the mistakes that the block raises to a list, and go on after the block."""
    try:
        yield
    except InputError as error:
        mistakes += error.each


def refuse_all(mistakes: Iterable[InputError]) -> None:
    """Raise all mistakes as one error, in the order given, each once; return if there is none.

    Raises:
        InputError: There is a mistake.
    """
    every = [each for mistake in mistakes for each in mistake.each]
    found = list({str(each): each for each in every}.values())  # files that several stacks share are read for each
    if found:
        raise replace(found[0], more=tuple(found[1:]))


_YAML_WORDS = {None: "null", True: "true", False: "false"}
_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """Return a user's value for an error message: shortened, and ``null``, ``true`` and ``false`` as in YAML."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = "a value too long to show"
    half = _SHOWN_LENGTH // 2 - 2
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:half]}...{text[-half:]}"
