"""One YAML document as plain values, without the pitfalls of YAML."""

from pathlib import Path
from typing import Any

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.yaml.reader import Aliases, Rules, read_yaml
from flash_ticket.firewall.terms.yaml.scalars import yaml_1_1_scalar

MAX_BYTES = 10_000_000
"""More than ten times the size of a matrix of 1,000 services and 5,000 flows."""

DECLARED = Rules(plain=yaml_1_1_scalar, key=yaml_1_1_scalar, aliases=Aliases.REFUSED, deepest=50)


def read_document(path: Path) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the file's one document.

    Raises:
        InputError: The file is missing, unreadable, too large, not UTF-8 or not YAML, or has a key twice or an alias.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(path.name, "", f"the file is larger than {MAX_BYTES:,} bytes", "Split or shorten it")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            path.name, "", f"there is no such file in {path.parent.absolute()}", "Create it or name another"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path.name, "", f"the file cannot be read ({error})", "Make it a readable UTF-8 file") from None
    return parse_document(text, path.name)


def parse_document(text: str, source: str) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the text's one YAML document; errors name it ``source``.

    Raises:
        InputError: As ``read_document``.
    """
    documents = list(read_yaml(text, source, DECLARED))
    if len(documents) > 1:
        raise InputError(source, f"line {documents[1].line}", "a second document begins here", "Keep one document")
    return documents[0].value if documents else None
