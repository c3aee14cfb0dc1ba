#!/usr/bin/env python3
"""Add pages to the site that other files hold, so that each text stands once."""

import atexit
import re
import shutil
import tempfile
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

_LICENCE = re.compile(r"\[([^]]+)\]\(LICENSE\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Build from a copy of docs/ with the other pages: the plugin for languages reads the files of one folder."""
    pages = Path(tempfile.mkdtemp(prefix="site-"))
    atexit.register(shutil.rmtree, pages, ignore_errors=True)
    shutil.copytree(config.docs_dir, pages, dirs_exist_ok=True)
    for name, page in _FROM_ABOVE.items():
        (pages / page).write_text(_as_page((ROOT / name).read_text(encoding="utf-8")), encoding="utf-8")
    for page in pages.rglob("*.md"):
        page.write_text(_OTHER_LANGUAGE.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    config.docs_dir = str(pages)
    return config


def _as_page(text: str) -> str:
    for name, page in _FROM_ABOVE.items():
        text = text.replace(f"]({name}", f"]({page}")
    return (
        _LICENCE.sub(r"\1", text)
        .replace("[examples](examples/README.md)", "`examples/`")
        .replace("[예제](examples/README.md)", "`examples/`")
        .replace("](docs/", "](")
    )
