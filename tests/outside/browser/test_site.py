"""The site of the documentation builds without a warning, in both languages, and can be read on a phone and a desk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from flash_ticket.cli.main import app
from tests.support.docs.pages import ROOT
from tests.support.report.browser import PHONE, asked, beyond_the_window, faint_texts, opened, small_texts

_OUTLINES = """[document.activeElement, document.activeElement.nextElementSibling].filter(Boolean)
    .map(each => getComputedStyle(each).outlineStyle)"""
"""Of what has the focus, and of the label that shows it for a hidden switch."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.parametrize("language", ["", "ko/"])
@pytest.mark.parametrize(
    "page", ["", "getting-started/", "operations/", "runbook/", "reference/binding/", "reference/command/"]
)
def test_each_page_is_there_in_both_languages(site: Path, language: str, page: str) -> None:
    assert (site / f"{language}{page}index.html").exists()


def test_the_reference_of_the_command_has_the_help_of_each_verb(site: Path) -> None:
    shown = (site / "reference/command/index.html").read_text(encoding="utf-8")
    for verb in typer.main.get_command(app).list_commands(None):  # type: ignore[attr-defined]
        assert f"Usage: flash-firewall {verb}" in shown


def test_the_site_asks_no_other_server(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis.com" not in start
    assert 'src="http' not in start


@pytest.mark.parametrize(("page", "steps"), [("getting-started", 8), ("ko/getting-started", 8), ("index", 3)])
def test_numbered_steps_keep_their_numbers_although_lists_are_in_them(
    browser: Chrome, site: Path, page: str, steps: int
) -> None:
    opened(browser, site / ("index.html" if page == "index" else f"{page}/index.html"))
    browser.execute_script("localStorage.clear()")  # the theme keeps the colours of the first page
    assert asked(browser, "document.querySelector('article ol').children.length") == steps


@pytest.mark.parametrize("language", ["", "ko/"])
@pytest.mark.parametrize("page", ["", "getting-started/", "runbook/", "reference/binding/"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (PHONE, "light")])
def test_a_page_fits_the_window_and_can_be_read(  # noqa: PLR0913, PLR0917 - a page, and how it is looked at
    browser: Chrome, site: Path, page: str, language: str, width: int, scheme: str
) -> None:
    opened(browser, site / language / page / "index.html", width, scheme)
    browser.execute_script("localStorage.clear()")  # the theme keeps the colours of the first page
    shown = asked(browser, "document.body.dataset.mdColorScheme")

    assert shown == {"light": "default", "dark": "slate"}[scheme]
    assert beyond_the_window(browser) == []
    assert faint_texts(browser) == []
    if width == PHONE:
        assert small_texts(browser) == []


def test_the_tab_key_starts_at_a_link_to_the_content_with_a_visible_focus(browser: Chrome, site: Path) -> None:
    opened(browser, site / "runbook/index.html")
    reached = []
    for _ in range(6):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.switch_to.active_element)
        outlines = asked(browser, _OUTLINES)
        assert set(outlines) != {"none"}, reached[-1].get_attribute("outerHTML")
    assert reached[0].get_attribute("class") == "md-skip"
