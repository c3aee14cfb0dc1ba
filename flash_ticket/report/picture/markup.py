"""Elements of XML and HTML as text; all content that this module did not create is escaped."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
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


def scrolling(name: str, content: Markup, looks: str = "") -> Markup:
    """Return content that scrolls on its own if it is wider than the page, also with the keyboard."""
    classes = f"wide {looks}".rstrip()
    return element("div", {"class": classes, "role": "region", "aria-label": name, "tabindex": "0"}, content)


def html_document(
    title: str, language: str, styles: Sequence[str], content: Sequence[Markup], embedded: Sequence[str] = ()
) -> str:
    """Return an HTML document that loads nothing. Its content security policy allows only its style sheets, by hash.

    Args:
        title: The title of the document.
        language: The language, as in ``lang="en"``.
        styles: The style sheets of the head.
        content: The elements of the body.
        embedded: The style sheets that the content holds itself.
    """
    hashes = " ".join(f"'sha256-{_digest(each)}'" for each in (*styles, *embedded))
    policy = f"default-src 'none'; style-src {hashes}; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        None,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("title", None, title),
        *(element("style", None, Markup(each)) for each in styles),
    )
    return "<!DOCTYPE html>\n" + element("html", {"lang": language}, head, element("body", None, *content)) + "\n"


def _digest(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode()
