"""How the workers of a test run share the tests: which go together, and in which order they start."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

_LONGEST = (
    "test_faults",
    "test_refusals",
    "test_interruptions",
    "life prod",
    "test_transitions prod",
    "test_verification bared",
    "test_guard_rails",
    "test_rollback",
    "test_runbook_on_lab",
    "life dev",
    "test_transitions dev",
    "test_verification drift",
    "test_suspension",
    "test_cyclonus",
    "test_lab",
    "test_transitions",
    "test_aws_bridge",
    "test_recording",
    "test_alerts",
    "test_proof",
)
"""The stories that take minutes, the longest first: a long story that starts late ends alone."""

_JOINED = {"test_readme": "test_refusals"}
"""Files of one long test, with the file that follows it: a worker takes its next story two tests before an end."""

_BY_STACK = ("life", "runs")
"""Fixtures that deploy the stack that they are given."""

_ALONE = ("drift", "bared")
"""Fixtures that stand in one file and deploy a stack each."""


class Stories(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker a whole story, or a whole file of tests that need no engine, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return str(super()._split_scope(nodeid)).partition("::")[0]


def keep_stories_together(items: list[pytest.Item]) -> None:
    """Mark each test that needs the engine with its story: who shares a deployed stack shares a worker."""
    for item in items:
        if item.get_closest_marker("engine"):
            item.add_marker(pytest.mark.xdist_group(_story(item)))


def order(items: list[pytest.Item]) -> None:
    """Sort the tests that need no engine to the front, and the longest stories next."""
    items.sort(key=_turn)


def _story(item: pytest.Item) -> str:
    """Return the file of a test and the stack that its fixtures deploy, or the life that it looks at."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    fixtures = getattr(item, "fixturenames", ())
    stack = next((given[name] for name in _BY_STACK if name in given), "")
    alone = next((name for name in _ALONE if name in fixtures), "")
    file = "life" if "life" in given else item.path.stem
    return " ".join(part for part in (_JOINED.get(file, file), stack, alone) if part)


def _turn(item: pytest.Item) -> int:
    if not item.get_closest_marker("engine"):
        return 0
    story = _story(item)
    return _LONGEST.index(story) + 1 if story in _LONGEST else len(_LONGEST) + 1
