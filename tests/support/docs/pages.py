"""Every page that a user reads."""

import re
from pathlib import Path

from tests.support.docs.runbook import DOCS

ROOT = DOCS.parent
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / ".github").rglob("*.md")))

_FENCE = re.compile(r"^( *)```.*?^ *```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page: Path) -> set[str]:
    """Return the usual anchors of the headings of all levels: lower case, hyphens for spaces, no punctuation."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


def local_links(page: Path) -> list[str]:
    """Return the targets of all links to other files or headings, in order."""
    found: list[str] = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [each for each in found if not each.startswith(("https://", "http://", "mailto:"))]
