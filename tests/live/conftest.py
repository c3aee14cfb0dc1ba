"""Fixtures for the tests of live sources."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clouds.moto_account import MotoAccount, moto_account, moto_server


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """A server that imitates AWS."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The parent of temporary folders; it must be empty after the test."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def moto(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoAccount]:
    """An empty AWS account."""
    with moto_account(moto_endpoint, monkeypatch) as account:
        yield account
