from pathlib import Path

import pytest

from lab.toolchain.prometheus import PrometheusError
from lab.toolchain.prometheus import promtool as found_promtool


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The real promtool; if it is not available, the tests that need it are skipped with the reason."""
    try:
        return found_promtool()
    except PrometheusError as error:
        pytest.skip(str(error))
