"""The transcript in docs/demo.md is the output of the demo."""

import subprocess
import sys

import pytest

from lab.enclosure.needs import missing
from lab.story.transcript import kept_in, put_in, settled, without_packets
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine


def test_the_page_shows_what_the_demo_prints(*, update_golden: bool) -> None:
    command = [sys.executable, "-m", "lab", "demo"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ran.returncode == 0, f"{ran.stdout[-4000:]}\n{ran.stderr}"
    shown = ran.stdout
    page = REPOSITORY / "docs/demo.md"
    if update_golden:
        page.write_text(put_in(page.read_text(), shown))
    seen = without_packets if missing() else str
    assert settled(seen(kept_in(page.read_text()))) == settled(seen(shown))
