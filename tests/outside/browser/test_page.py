"""The page in a real browser: nothing fails, nothing is loaded, and everything can be reached and seen."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.proof import prove
from flash_ticket.report.picture.page import page
from flash_ticket.report.picture.picture import picture
from flash_ticket.report.picture.style import DARK, LIGHT
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.stacks import CASES
from tests.support.report.browser import PHONE, asked, beyond_the_window, opened, small_texts

_HOSTILE = "<img src=x onerror=alert(1)>"
_FOCUSABLE = "a[href], summary, [tabindex='0']"
_FOCUSED = f"""(focused => {{
    const style = getComputedStyle(focused), box = focused.getBoundingClientRect();
    const place = [...document.querySelectorAll({_FOCUSABLE!r})].indexOf(focused);
    return [place, style.outlineStyle, style.outlineWidth, box.width, box.bottom];
}})(document.activeElement)"""
"""The place of what has the focus among all that can have it, its outline, its width, and where it ends."""
_NAMED_ROLES = {"table", "image", "img", "figure", "region", "navigation", "link", "heading", "DisclosureTriangle"}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one page for each case."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        f"{case}.html": page(*shop, compile_firewall(*shop).proof())
        for case, make in CASES.items()
        for shop in [make()]
    }
    texts["prod.svg"] = picture(*CASES["prod"]())
    environment = environment_of("prod")
    firewall = compile_firewall(shop_matrix(), environment)
    manifests = [policy.manifest() for policy in firewall.pods.policies if "pay" not in policy.name]
    texts["broken.html"] = page(shop_matrix(), environment, prove(shop_matrix(), environment, manifests, firewall.vpc))
    nodes = (replace(environment.cluster.nodes[0], label=_HOSTILE),)
    hostile = replace(environment, cluster=replace(environment.cluster, name=_HOSTILE, nodes=nodes))
    texts["hostile.html"] = page(shop_matrix(), hostile, compile_firewall(shop_matrix(), hostile).proof())
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {name: folder / name for name in texts}


NAMES = (*(f"{case}.html" for case in CASES), "broken.html", "hostile.html", "prod.svg")
HTML = tuple(name for name in NAMES if name.endswith(".html"))


@pytest.mark.parametrize("name", NAMES)
def test_the_console_is_empty_and_nothing_is_loaded(browser: Chrome, pages: dict[str, Path], name: str) -> None:
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # type: ignore[no-untyped-call]
    opened(browser, pages[name])

    events = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]  # type: ignore[no-untyped-call]
    sent = [each["params"] for each in events if each["method"] == "Network.requestWillBeSent"]
    # The browser's own first tab may still be loading; a page cannot ask for its documents.
    requests = [each["request"]["url"] for each in sent if not each["documentURL"].startswith("chrome://")]

    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert requests == [pages[name].as_uri()]


@pytest.mark.parametrize("name", HTML)
def test_the_tab_key_reaches_everything_in_order_with_a_visible_focus(
    browser: Chrome, pages: dict[str, Path], name: str
) -> None:
    opened(browser, pages[name])
    expected = asked(browser, f"document.querySelectorAll({_FOCUSABLE!r}).length")
    assert expected

    for number in range(expected):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        place, style, width, box, bottom = asked(browser, _FOCUSED)
        assert place == number
        assert style != "none"
        assert width != "0px"
        assert box > 0
        assert bottom > 0


def test_the_enter_key_opens_what_decides_a_connection(browser: Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["prod.html"])
    first = browser.find_element(By.CSS_SELECTOR, "details")
    decides = first.find_element(By.CSS_SELECTOR, "dl")
    assert not decides.is_displayed()

    first.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)

    assert decides.is_displayed()
    assert "allowed by" in decides.text


def test_the_skip_link_leads_to_the_content(browser: Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["prod.html"])
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"

    browser.switch_to.active_element.send_keys(Keys.ENTER)

    assert browser.switch_to.active_element.get_attribute("id") == "content"


@pytest.mark.parametrize("name", NAMES)
def test_everything_has_a_name_for_a_screen_reader(browser: Chrome, pages: dict[str, Path], name: str) -> None:
    opened(browser, pages[name])
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]

    seen = set()
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in _NAMED_ROLES and not node["ignored"]:
            seen.add(role)
            assert node.get("name", {}).get("value"), node
    assert seen & {"image", "img"}
    assert name.endswith(".svg") or {"table", "figure", "region", "navigation", "link", "heading"} <= seen


@pytest.mark.parametrize("width", [1280, PHONE])
@pytest.mark.parametrize("name", HTML)
def test_nothing_is_wider_than_the_window(browser: Chrome, pages: dict[str, Path], name: str, width: int) -> None:
    opened(browser, pages[name], width)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert asked(browser, "innerWidth") == width
    assert beyond_the_window(browser) == []
    if width == PHONE:
        assert small_texts(browser) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_the_picture_fits_with_the_installed_font(
    browser: Chrome, pages: dict[str, Path], name: str
) -> None:
    opened(browser, pages[name])
    texts = """[...document.querySelectorAll('text')].map(
        each => [each.textContent, each.getComputedTextLength(), Number(each.dataset.room)]
    )"""
    found = asked(browser, texts)

    assert found
    for words, length, room in found:
        assert 0 < length <= room, words


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_picture_follow_the_colour_scheme_of_the_reader(
    browser: Chrome, pages: dict[str, Path], scheme: str
) -> None:
    palette = {"light": LIGHT, "dark": DARK}[scheme]
    opened(browser, pages["prod.html"], scheme=scheme)

    def colour(selector: str, key: str) -> str:
        found = asked(browser, f"getComputedStyle(document.querySelector('{selector}')).{key}")
        return "#" + "".join(f"{int(each):02x}" for each in found.removeprefix("rgb(").removesuffix(")").split(","))

    assert colour("body", "backgroundColor") == colour(".ground", "fill") == palette.ground
    assert colour("body", "color") == colour("text.name", "fill") == palette.ink


def test_hostile_names_are_shown_as_text(browser: Chrome, pages: dict[str, Path]) -> None:
    opened(browser, pages["hostile.html"])

    assert browser.find_elements(By.CSS_SELECTOR, "img") == []
    assert _HOSTILE in browser.find_element(By.CSS_SELECTOR, "header").text
