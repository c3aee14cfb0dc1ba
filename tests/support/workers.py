"""How the workers of a test run share the tests: which go together, and in which order they start."""

import re
from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_ON_LAB = "tests/on_lab/"
_STACK = re.compile(r"\[(dev|prod)\b")

_LIFE = ("test_life", "test_athena", "test_proof", "test_transitions", "test_verification", "test_alerts")
"""The files whose tests look at the life of a stack."""

_JOINED = {
    "test_demo_page": "test_refusals",
    "test_new_project": "test_refusals",
    "test_restarts": "test_on_the_way",
    "test_load": "test_on_the_way",
}
"""Files whose tests run in the story of another file.

A worker takes its next story two tests before an end: a file of one long test is followed by another file. Stories that
open connections all the time follow each other: beside each other they would take the processors from each other.
"""

_LONGEST = (
    "test_refusals",
    "life prod",
    "life dev",
    "test_on_the_way",
    "test_denials_cilium",
    "test_faults",
    "test_packets",
    "test_runbook_on_lab",
    "test_interruptions",
    "test_denials",
    "test_coming_from_yaml",
    "test_rollback",
    "test_guard_rails",
    "tests/outside/conformance/test_cyclonus.py",
    "test_suspension",
    "test_neighbours",
    "tests/lab/running/test_lab.py",
    "tests/live/test_inventory.py",
    "tests/lab/tools/test_aws_bridge.py",
)
"""The stories that take a quarter of a minute or more, the longest first: a long story that starts late ends alone."""


class Stories(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker a whole story at a time, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return story(nodeid)


def story(nodeid: str) -> str:
    """Return the story of a test: its file, on the lab also the stack that it is about.

    Tests that share a deployed stack share a story. The nodeid tells it: a worker sends nothing else of a test.
    """
    file, _, test = nodeid.partition("::")
    if not file.startswith(_ON_LAB):
        return file
    name, stack = PurePosixPath(file).stem, _STACK.search(test)
    if stack is None:
        return _JOINED.get(name, name)
    return f"{'life' if name in _LIFE else name} {stack[1]}"


def order(items: list[pytest.Item]) -> None:
    """Sort the tests that need no engine to the front, and the longest stories next."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if not item.get_closest_marker("engine"):
        return 0
    name = story(item.nodeid)
    return _LONGEST.index(name) + 1 if name in _LONGEST else len(_LONGEST) + 1
