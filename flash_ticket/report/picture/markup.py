"""Elements of XML and HTML as text, with everything escaped that did not come out of here."""

from collections.abc import Mapping
from html import escape

from flash_ticket.firewall.terms.input_error import escaped


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(content: str) -> Markup:
    """Return content as a reader shall see it, harmless within an element or a quoted attribute.

    What XML 1.0 forbids even as a character reference (section 2.2, Char) is none of what ``escaped`` leaves.
    """
    return content if isinstance(content, Markup) else Markup(escape(escaped(content)))


def element(name: str, attributes: Mapping[str, str | float] | None = None, *children: str) -> Markup:
    """Return one element. Numbers are written with one decimal at most; children without markup are escaped."""
    head = name + "".join(f' {key}="{text(_written(value))}"' for key, value in (attributes or {}).items())
    if not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{''.join(map(text, children))}</{name}>")


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Return a length with one decimal at most: ``12`` or ``12.5``."""
    tenths = round(value * 10)
    return str(tenths // 10) if tenths % 10 == 0 else f"{tenths / 10:.1f}"
