"""What text without quotes means in YAML: null, a boolean, a number, a date, or the text itself.

YAML 1.1 and the reader of Kubernetes do not always agree: 12:30 is 750 in YAML 1.1, and `y` is true for Kubernetes.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from flash_ticket.firewall.terms.input_error import shown

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MAY_BE_NUMBER = frozenset("+-.0123456789")
_LONGEST_NUMBER = 64


@lru_cache(maxsize=1 << 15)
def kubernetes_scalar(text: str) -> str | int | float | bool | None:
    """Return the value that Kubernetes reads."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _MAY_BE_NUMBER and len(text) <= _LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return _integer(text)
        if _FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
    return text


def _integer(text: str) -> str | int:
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    if unsigned[:1] == "0" and unsigned.isdigit() and unsigned != "0":
        digits = digits.replace("0", "0o", 1)
    try:
        return int(digits, 0)
    except ValueError:
        return text


@dataclass
class UnclearNumberError(ValueError):
    """A number in a spelling that people read as another one, or as text.

    Attributes:
        problem: What YAML reads.
        remedy: What to write instead.
        meant: The number that people mean, as far as the text says.
    """

    problem: str
    remedy: str
    meant: int | float

    def __str__(self) -> str:
        """Return the problem."""
        return self.problem


_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)")
_MISREAD_FLOAT = re.compile(r"[_:]")
_DIGITS = re.compile(r"0*([0-9]+)")


def is_unclear_number(text: str, value: object) -> bool:
    """Return whether a text without quotes is a number, but not in plain decimal: ``0443``, ``22:22``, ``1_000``."""
    if type(value) is int:
        return not _DECIMAL.fullmatch(text)
    return type(value) is float and bool(_MISREAD_FLOAT.search(text))


@lru_cache(maxsize=1 << 15)
def declared_scalar(text: str) -> Any:  # noqa: ANN401 - a date among others
    """Return the value of YAML 1.1, but refuse each spelling of a number that people read as another one.

    What looks like a date and is none, such as 2026-02-30, stays text: its key says what it wants instead.

    Raises:
        UnclearNumberError: The text is such a number.
    """
    try:
        value = yaml_1_1_scalar(text)
    except ValueError:
        return text
    if not is_unclear_number(text, value):
        return value
    digits = _DIGITS.fullmatch(text.replace("_", ""))
    decimal = digits[1][:_LONGEST_NUMBER] if digits else ""
    number = f"Write {decimal}" if decimal else "Write the number in plain decimal"
    raise UnclearNumberError(
        f"YAML reads {shown_plain(text)} as the number {shown(value)}",
        f"{number}, or put it in quotes if it is text",
        int(decimal) if decimal else value,
    )


def shown_plain(text: str) -> str:
    """Return text without quotes for an error message, shortened."""
    return shown(text).strip("'")


class _Yaml11(SafeConstructor, Resolver):
    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


_YAML_1_1: Final[Any] = _Yaml11()


@lru_cache(maxsize=1 << 15)
def yaml_1_1_scalar(text: str) -> Any:  # noqa: ANN401 - a date among others
    """Return the value that YAML 1.1 defines, as PyYAML reads it.

    Raises:
        ValueError: The text looks like a date or a number, but is none: 2026-02-30.
    """
    tag = _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False))
    construct = SafeConstructor.yaml_constructors.get(tag)
    try:
        return construct(_YAML_1_1, yaml.ScalarNode(tag, text)) if construct else text
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
        raise ValueError(f"{shown(text)} cannot be read as {tag.rpartition(':')[2]}") from None
