"""The firewall for programs of other teams: plain values in, one component out."""

import tomllib
from pathlib import Path


def version() -> str:
    """Return the version of the project, which is that of the package."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])
