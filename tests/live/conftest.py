"""What tests of live sources start from."""

from collections.abc import Iterator

import pytest

from tests.live.moto_account import MotoAccount, moto_account


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoAccount]:
    """An empty AWS account."""
    with moto_account(monkeypatch) as account:
        yield account
