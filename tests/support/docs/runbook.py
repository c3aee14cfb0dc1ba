"""Read the runbook: headings, links and commands."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).parents[3] / "docs"
ENGLISH, KOREAN = DOCS / "runbook.md", DOCS / "runbook.ko.md"

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r" +# (?:not tried|미시험): (?P<lacks>.+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a step.

    Attributes:
        text: The command, with placeholders such as ``<pod>``.
        lacks: What the lab lacks to try it, as the runbook says; None if it is tried.
    """

    text: str
    lacks: str | None

    @property
    def is_for_cilium(self) -> bool:
        """Whether it runs in a pod of Cilium."""
        return "exec ds/cilium" in self.text


def commands(runbook: Path) -> list[Command]:
    """Return the commands of all blocks in order, with repetitions."""
    found = []
    for _, block in _BLOCK.findall(runbook.read_text(encoding="utf-8")):
        text = dedent(block).strip()
        mark = _MARK.search(text)
        found.append(Command(text[: mark.start()] if mark else text, mark["lacks"] if mark else None))
    return found


def headings(runbook: Path) -> list[str]:
    """Return the headings of the second level in order."""
    return re.findall(r"^## (.+)$", runbook.read_text(encoding="utf-8"), re.MULTILINE)


def anchors(runbook: Path) -> set[str]:
    """Return the usual anchors of the headings: lower case, hyphens for spaces, no punctuation."""
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings(runbook)}


def links(runbook: Path) -> list[str]:
    """Return the targets of all links in order."""
    return re.findall(r"\]\(([^)]+)\)", runbook.read_text(encoding="utf-8"))
