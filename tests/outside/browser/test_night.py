"""The page for the night in a real browser: read on a phone or a desk, in both languages, light and dark."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flash_ticket.report.night.words import Language
from tests.support.command.flash_firewall import run
from tests.support.command.recorded_stack import declared_now, record_stack
from tests.support.declared.accounts import ROOT
from tests.support.report.browser import PHONE, asked, beyond_the_window, faint_texts, opened, small_texts
from tests.support.traffic.made_up_night import write_night


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Path]:
    """The page in each language."""
    folder, found = write_night(tmp_path_factory.mktemp("night")), {}
    record_stack(folder, declared_now(ROOT, "dev"))
    asked_for = ("--stack", "dev", "--project", ROOT, "--inventory", folder / "inventory.json", "--since", "2026-11-24")
    for language in Language:
        found[language] = folder / f"{language}.html"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
            out = ("--language", language, "--out", found[language])
            run("report", folder / "flows", folder / "agent.log", *asked_for, *out)
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (PHONE, "light")])
@pytest.mark.parametrize("language", Language)
def test_the_page_fits_the_window_and_can_be_read(
    browser: Chrome, pages: dict[Language, Path], language: Language, width: int, scheme: str
) -> None:
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    opened(browser, pages[language], width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert asked(browser, "document.documentElement.lang") == language.value
    assert beyond_the_window(browser) == []
    assert faint_texts(browser) == []
    if width == PHONE:
        assert small_texts(browser) == []
    browser.execute_script("window.plot = document.querySelector('svg')")
    assert asked(browser, "plot.getBBox().width <= plot.viewBox.baseVal.width + 1")
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_tab_key_reaches_every_denial_with_a_visible_focus(browser: Chrome, pages: dict[Language, Path]) -> None:
    opened(browser, pages[Language.ENGLISH], PHONE)
    expected = browser.find_elements(By.CSS_SELECTOR, "a[href], summary, [tabindex='0']")

    assert expected
    for element in expected:
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element == element
        assert element.value_of_css_property("outline-style") != "none"
