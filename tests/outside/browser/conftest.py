"""One browser for all tests of pages."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.support.report.browser import started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A separate browser; a proxy in the environment is not used to connect to it."""
    driver = started(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
