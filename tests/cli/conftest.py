"""What the verbs that read recorded traffic are given."""

from pathlib import Path

import pytest

from segmentation.traffic.inventory_file import inventory_json
from tests.segmentation.traffic.incident import INVENTORY


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """The incident's inventory, saved."""
    path = tmp_path / "inventory.json"
    path.write_text(inventory_json(INVENTORY), encoding="utf-8")
    return path
