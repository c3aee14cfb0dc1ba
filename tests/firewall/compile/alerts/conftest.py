from pathlib import Path

import pytest

from lab.toolchain.promtool import PromtoolError
from lab.toolchain.promtool import promtool as found_promtool


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The real promtool; where it cannot be had, the tests that need it are skipped and say why."""
    try:
        return found_promtool()
    except PromtoolError as error:
        pytest.skip(str(error))
