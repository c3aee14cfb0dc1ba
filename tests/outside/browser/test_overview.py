"""The page of many services in a real browser: a click or a key shows one of them, on a phone and on a desk."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.report.picture.page import page
from tests.support.declared.accounts import environment_of
from tests.support.declared.big_shop import big_shop
from tests.support.report.browser import PHONE, asked, beyond_the_window, faint_texts, opened, small_texts

SIZES = {28: 90, 100: 500}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The pages by the number of services."""
    folder, found = tmp_path_factory.mktemp("overviews"), {}
    for services, flows in SIZES.items():
        matrix = big_shop(services, flows)
        environment = environment_of("prod", matrix=matrix)
        found[services] = folder / f"{services}.html"
        text = page(matrix, environment, compile_firewall(matrix, environment).proof())
        found[services].write_text(text, encoding="utf-8")
    return found


def shown(browser: Chrome) -> list[WebElement]:
    return asked(browser, "[...document.querySelectorAll('main > section')].filter(each => each.checkVisibility())")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("services", "width", "scheme"),
    [(28, 1280, "light"), (28, PHONE, "dark"), (100, 1280, "dark"), (100, PHONE, "light")],
)
def test_overview_and_part_fit_the_window_and_can_be_read(
    browser: Chrome, pages: dict[int, Path], services: int, width: int, scheme: str
) -> None:
    opened(browser, pages[services], width, scheme)
    for part in ("", "of-s006"):
        browser.execute_script("location.hash = arguments[0]", part)
        assert shown(browser)[0].get_attribute("id") == (part or "overview")
        assert beyond_the_window(browser) == []
        assert faint_texts(browser) == []
        if width == PHONE:
            assert small_texts(browser) == []


def test_a_click_shows_one_service_and_a_key_leads_back(browser: Chrome, pages: dict[int, Path]) -> None:
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    opened(browser, pages[100])
    browser.find_element(By.CSS_SELECTOR, ".grid tbody a[href='#of-s006']").click()

    (part,) = shown(browser)
    assert part.find_element(By.TAG_NAME, "h2").text == "s006"
    assert part.find_element(By.TAG_NAME, "svg").is_displayed()
    assert browser.switch_to.active_element == part

    browser.switch_to.active_element.send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert [each.get_attribute("id") for each in shown(browser)] == ["overview", "proof", "denied"]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_tab_key_reaches_each_endpoint_once_with_a_visible_focus(browser: Chrome, pages: dict[int, Path]) -> None:
    opened(browser, pages[28])
    reachable = "document.querySelectorAll(\"a[href]:not([tabindex='-1']), [tabindex='0'], summary\")"
    expected = asked(browser, f"[...{reachable}].filter(each => each.checkVisibility())")

    for element in expected:
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.switch_to.active_element == element
        assert element.value_of_css_property("outline-style") != "none"
    links = [each.get_attribute("href") for each in expected if each.tag_name == "a"]
    reached = [link.rpartition("#of-")[2] for link in links if "#of-s" in link]
    assert sorted(reached) == [f"s{number:03}" for number in range(28)]


def test_marks_and_parts_have_names_for_a_screen_reader(browser: Chrome, pages: dict[int, Path]) -> None:
    for part, roles in (
        ("", {"table", "image", "region", "link", "heading"}),
        ("of-s006", {"figure", "image", "region"}),
    ):
        opened(browser, pages[28], part=part)
        nodes = [
            each for each in browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"] if not each["ignored"]
        ]
        named = {each["role"]["value"] for each in nodes if each.get("name", {}).get("value")}
        unnamed = [each["role"]["value"] for each in nodes if not each.get("name", {}).get("value")]

        assert roles <= named
        assert not roles & set(unnamed)


@pytest.mark.parametrize("part", ["of-s006", "of-redis", "clients"])
def test_every_text_of_a_part_fits_with_the_installed_font(browser: Chrome, pages: dict[int, Path], part: str) -> None:
    opened(browser, pages[28], part=part)
    found = asked(
        browser,
        f"[...document.querySelectorAll('#{part} text')].map("
        "each => [each.textContent, each.getComputedTextLength(), Number(each.dataset.room)])",
    )

    assert found
    assert [words for words, length, room in found if not 0 < length <= room] == []
