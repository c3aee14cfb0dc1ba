"""The options of this project's tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from lab.running.interrupts import take_interrupts
from lab.running.lab import Checkpoints, Lab
from tests.support.engine.judgement import Count, count, judgement
from tests.support.workers import Stories, order

# The time of an example depends on the machine, not on the code; 30 examples keep the suite within a minute.
# Where a change lands, the same examples are tried each time; everywhere else each run tries new ones.
settings.register_profile(
    "untimed",
    max_examples=30,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")

_counts_of_workers: list[Count] = []


def pytest_configure() -> None:
    take_interrupts()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Workers leave no core idle: a program in Go that uses two waits for them, and a tenth longer in all.
        os.environ.setdefault("GOMAXPROCS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files again instead of comparing them"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether to write golden files."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One lab for all tests that need one; tests with the mark `engine` change only their own objects in it."""
    with Lab.start(clusters=(), checkpoints=Checkpoints.AT_THE_END) as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Stories:
    return Stories(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than there are cores: engines and nodes wait for much of their time.

    Each deployment of prod waits 55 s: the AWS provider reads a bucket's lifecycle rules ten times, the first time
    after 10 s and then every 5 s, whatever the answer is.
    """
    return len(os.sched_getaffinity(0)) + 2


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["judged"] = tuple(count())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    output = getattr(node, "workeroutput", None) or {}
    if "judged" in output:
        _counts_of_workers.append(Count(*output["judged"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if said := judgement([count(), *_counts_of_workers]):
        terminalreporter.section("intermediate states")
        terminalreporter.write_line(said)
