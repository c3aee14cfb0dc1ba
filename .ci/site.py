#!/usr/bin/env python3
"""Add pages to the site that other files hold, so that each text stands once."""

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[1]
_FROM_ABOVE = {
    "README.md": "index.md",
    "README.ko.md": "index.ko.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
_OTHER_LANGUAGE = re.compile(r"^(?:한국어|English): \[.*\n|(?:한국어|English): \[[^]]+\]\([^)]+\)\.?", re.MULTILINE)
"""The site has a switch for it."""

_ITEM = re.compile(r"(?:\d\.|-) ")
_LICENCE = re.compile(r"\[([^]]+)\]\(LICENSE\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Build from a copy of docs/ with the other pages: the plugin for languages reads the files of one folder."""
    pages = Path(tempfile.mkdtemp(prefix="site-"))
    atexit.register(shutil.rmtree, pages, ignore_errors=True)
    shutil.copytree(config.docs_dir, pages, dirs_exist_ok=True)
    for name, page in _FROM_ABOVE.items():
        (pages / page).write_text(_as_page((ROOT / name).read_text(encoding="utf-8")), encoding="utf-8")
    for page in pages.rglob("*.md"):
        text = _OTHER_LANGUAGE.sub("", page.read_text(encoding="utf-8"))
        page.write_text("".join(_deeper(text)), encoding="utf-8")
    config.docs_dir = str(pages)
    return config


def _deeper(text: str) -> Iterator[str]:
    """Yield the lines; inside an item of a list four spaces stand before them, where GitHub asks for fewer."""
    width, fenced = 0, False
    for line in text.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        marker = None if fenced else _ITEM.match(line)
        if marker:
            width = len(marker[0])
        elif line.strip() and not line.startswith(" "):
            width = 0
        inside = width and line.startswith(" " * width)
        yield " " * (4 - width) + line if inside else line


def _as_page(text: str) -> str:
    for name, page in _FROM_ABOVE.items():
        text = text.replace(f"]({name}", f"]({page}")
    return (
        _LICENCE.sub(r"\1", text)
        .replace("[examples](examples/README.md)", "`examples/`")
        .replace("[예제](examples/README.md)", "`examples/`")
        .replace("](docs/", "](")
    )
