"""The options of this project's tests."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from lab.running.lab import Lab

# How long an example takes says something of the machine, not of the code; 30 keep the suite within a minute.
settings.register_profile("untimed", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure() -> None:
    # What a shell starts in the background ignores interrupts, and so would all that a test starts and interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew instead of comparing")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One lab for all tests that need one; those that mark `engine` change only what is their own in it."""
    with Lab.start() as running:
        yield running
