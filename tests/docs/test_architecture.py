"""The map in docs/architecture.md names only paths that exist, and every room of the product."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PATHS = sorted(
    {each for each in re.findall(r"`([\w./<>-]+)`", TEXT) if ("/" in each or each.endswith((".py", ".yaml", ".md")))}
)
MADE_UP = re.compile(r"<(?:verb|source|stack)>")
"""A part of a path that the reader chooses."""

ROOMS = sorted(
    f"{path.relative_to(ROOT)}/"
    for folder in ("flash_ticket", "flash_ticket/firewall")
    for path in (ROOT / folder).iterdir()
    if (path / "__init__.py").exists()
)


def exists(name: str) -> bool:
    """Return whether a path exists: from the top, or for a name without a folder anywhere."""
    made_up = MADE_UP.search(name)
    if made_up:
        return (ROOT / name).parent.is_dir()
    return (ROOT / name).exists() or ("/" not in name.rstrip("/") and any((ROOT / "flash_ticket").rglob(name)))


@pytest.mark.parametrize("name", PATHS)
def test_each_path_on_the_map_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_of_the_product_is_on_the_map(room: str) -> None:
    assert f"`{room}`" in TEXT


def test_the_readmes_link_to_the_map() -> None:
    for readme in ("README.md", "README.ko.md"):
        assert "docs/architecture.md" in (ROOT / readme).read_text(encoding="utf-8")
