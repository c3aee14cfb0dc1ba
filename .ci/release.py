#!/usr/bin/env python3
"""Build the wheel and the source archive of a tag, and write what CHANGELOG.md says about it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(changelog: str, version: str) -> str:
    """Return the part of the changelog about a version.

    Raises:
        ValueError: There is none, or it is empty.
    """
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ValueError(f"CHANGELOG.md says nothing about {version}: move what is under Unreleased there")
    return found[1].strip() + "\n"


def main(tag: str, folder: Path) -> None:
    """Make the files of a release.

    Args:
        tag: Such as ``v0.1.0``.
        folder: Where the wheel and the archive go; the notes go beside it, into ``notes.md``.

    Raises:
        ValueError: The tag is not the version in pyproject.toml, or the changelog does not have it.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, and pyproject.toml says {version}: correct one")
    text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    subprocess.run(["uv", "build", "--out-dir", str(folder), str(ROOT)], check=True)  # noqa: S603, S607 - uv is on PATH
    (folder.parent / "notes.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]).resolve())
    except ValueError as error:
        sys.exit(str(error))
