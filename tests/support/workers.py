"""How the workers of a test run share the tests: which go together, and in which order they start."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

_LONGEST = (
    "test_transitions prod",
    "test_faults",
    "test_refusals",
    "life prod",
    "test_transitions dev",
    "life dev",
    "test_interruptions",
    "test_guard_rails",
    "test_rollback",
    "test_runbook_on_lab",
    "test_verification",
)
"""The stories that take minutes, the longest first: whoever starts them late waits for them alone."""

_JOINED = {"test_readme": "test_refusals"}
"""Files of one long test, with the file that follows it: a worker takes its next story two tests before an end."""


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
    fixtures = item.callspec.params if hasattr(item, "callspec") else {}
    stack = next((fixtures[name] for name in ("life", "runs", "stack") if name in fixtures), "")
    file = "life" if "life" in fixtures else item.path.stem
    return f"{_JOINED.get(file, file)} {stack}".strip()


def _turn(item: pytest.Item) -> int:
    if not item.get_closest_marker("engine"):
        return 0
    story = _story(item)
    return _LONGEST.index(story) + 1 if story in _LONGEST else len(_LONGEST) + 1
