"""Elements of XML and HTML as text; all content that this module did not create is escaped."""

from collections.abc import Mapping
from html import escape

from flash_ticket.firewall.terms.input_error import escaped


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


def text(content: str) -> Markup:
    """Return content that a reader sees unchanged, escaped for an element or a quoted attribute.

    ``escaped`` leaves no character that XML 1.0 forbids even as a character reference (section 2.2, Char).
    """
    return content if isinstance(content, Markup) else Markup(escape(escaped(content)))


def element(name: str, attributes: Mapping[str, str | float] | None = None, *children: str) -> Markup:
    """Return one element. Numbers have at most one decimal; children that are not markup are escaped."""
    head = name + "".join(f' {key}="{text(_written(value))}"' for key, value in (attributes or {}).items())
    if not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{''.join(map(text, children))}</{name}>")


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Return a length with at most one decimal: ``12`` or ``12.5``."""
    tenths = round(value * 10)
    return str(tenths // 10) if tenths % 10 == 0 else f"{tenths / 10:.1f}"
