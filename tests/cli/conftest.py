"""The fixtures of the verbs that read recorded traffic."""

from pathlib import Path

import pytest

from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.traffic.incident import INVENTORY


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """The incident's inventory, saved."""
    path = tmp_path / "inventory.json"
    path.write_text(inventory_json(INVENTORY), encoding="utf-8")
    return path
