"""One YAML document as plain values, without the pitfalls of YAML, and the line of each key."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.regular_file import read_regular
from flash_ticket.firewall.terms.yaml.reader import Aliases, Rules, read_yaml
from flash_ticket.firewall.terms.yaml.scalars import declared_scalar

MAX_BYTES = 10_000_000
"""More than ten times the size of a matrix of 1,000 services and 5,000 flows."""

DECLARED = Rules(plain=declared_scalar, key=declared_scalar, aliases=Aliases.REFUSED, deepest=50)

AS_THE_ENGINE = replace(DECLARED, aliases=Aliases.BOUNDED)
"""For what Pulumi or this program writes, or what people write for Pulumi alone: it may use aliases."""


def read_document(path: Path, rules: Rules = DECLARED) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the file's one document.

    Raises:
        InputError: The file is missing, unreadable, too large, not UTF-8 or not YAML, or has a key twice or an alias.
    """
    return parse_document(read_text(path), path.name, rules=rules)


def read_text(path: Path) -> str:
    """Return the text of a declared file.

    Raises:
        InputError: The file is missing, unreadable, too large or not UTF-8.
    """
    try:
        text = read_regular(path, MAX_BYTES, path.name).decode("utf-8")
    except FileNotFoundError:
        raise InputError(
            path.name, "", f"there is no such file in {path.parent.absolute()}", "Create it or name another"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path.name, "", f"the file cannot be read ({error})", "Make it a readable UTF-8 file") from None
    return text


def parse_document(text: str, source: str, mistakes: list[InputError] | None = None, rules: Rules = DECLARED) -> Any:  # noqa: ANN401 - as above
    """Return the text's one YAML document; errors name it ``source``.

    Args:
        text: What the file holds.
        source: The file, for errors.
        mistakes: Receives the mistakes that reading can go on after; without it, they are an error.
        rules: What the document may hold.

    Raises:
        InputError: As ``read_document``.
    """
    found: list[InputError] = [] if mistakes is None else mistakes
    documents = list(read_yaml(text, source, rules, found))
    if len(documents) > 1:
        raise InputError(source, f"line {documents[1].line}", "a second document begins here", "Keep one document")
    if mistakes is None:
        refuse_all(found)
    return documents[0].value if documents else None


@contextmanager
def with_lines(text: Callable[[], str], source: str, *within: str) -> Iterator[None]:
    """Add the line of its key to each mistake of a file that the block raises, and sort the mistakes by line.

    Args:
        text: Returns what the file holds; this asks only if there is a mistake.
        source: The file, as the errors name it.
        within: The key that the keys of errors may leave out, such as ``config``.
    """
    try:
        yield
    except InputError as error:
        refuse_all(sorted(_located(error, text, source, within), key=_order))


_PLACE = re.compile(r"line ([0-9]+)")


def _order(error: InputError) -> int:
    place = _PLACE.match(error.key)
    return int(place[1]) if place else error.line


def _located(error: InputError, text: Callable[[], str], source: str, within: tuple[str, ...]) -> list[InputError]:
    try:
        root = yaml.compose(text(), Loader=yaml.CSafeLoader)
    except (InputError, yaml.YAMLError):  # what cannot be read has no lines
        return [*error.each]
    return [_with_line(each, root, within) if each.source == source else each for each in error.each]


def _with_line(error: InputError, root: yaml.Node | None, within: tuple[str, ...]) -> InputError:
    if error.line or _PLACE.match(error.key):
        return error
    steps = [*_steps(error.key, root)] or [*_steps(".".join((*within, error.key)), root)][len(within) :]
    return replace(error, line=steps[-1]) if steps else error


_INDEX = re.compile(r"\[([0-9]+)\]")


def _steps(key: str, node: yaml.Node | None) -> Iterator[int]:
    """Yield the line of each part of a key such as ``flows[2].to``, as far as the file has it."""
    while key:
        if isinstance(node, yaml.MappingNode):
            known = {name.value: (name, value) for name, value in node.value if isinstance(name, yaml.ScalarNode)}
            written = [each for each in known if key == each or key.startswith((f"{each}.", f"{each}["))]
            if not written:
                return
            longest = max(written, key=len)  # a key may hold a dot
            name, node = known[longest]
            key = key[len(longest) :]
        elif isinstance(node, yaml.SequenceNode):
            index = _INDEX.match(key)
            if not index or int(index[1]) >= len(node.value):
                return
            name = node = node.value[int(index[1])]
            key = key[index.end() :]
        else:
            return
        key = key.removeprefix(".")
        yield name.start_mark.line + 1
