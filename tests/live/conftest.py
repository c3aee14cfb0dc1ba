"""Fixtures for the tests of live sources."""

from collections.abc import Iterator

import pytest

from tests.support.clouds.moto_account import MotoAccount, moto_account, moto_server


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """A server that imitates AWS."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def moto(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoAccount]:
    """An empty AWS account."""
    with moto_account(moto_endpoint, monkeypatch) as account:
        yield account
