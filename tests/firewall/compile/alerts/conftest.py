from pathlib import Path

import pytest

from lab.toolchain.promtool import PromtoolError
from lab.toolchain.promtool import promtool as found_promtool


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The real promtool; if it is not available, the tests that need it are skipped with the reason."""
    try:
        return found_promtool()
    except PromtoolError as error:
        pytest.skip(str(error))
