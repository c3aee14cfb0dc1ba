"""A real browser for tests of pages: it starts, opens a page as a reader sees it, and answers questions about it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE = 400
"""The width of a phone in CSS pixels."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_WITH_TEXT = """[...document.querySelectorAll('body *')].filter(each => [...each.childNodes].some(
    node => node.nodeType === 3 && node.data.trim()) && each.checkVisibility({opacityProperty: true}))"""
_BEYOND = """[...document.querySelectorAll('body *')].filter(each => {
    const box = each.getBoundingClientRect();
    if (!box.width || box.right <= innerWidth + 0.5) return false;
    for (let at = each.parentElement; at; at = at.parentElement)
        if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return false;
    return true;
}).map(each => each.outerHTML.slice(0, 120))"""
_SMALL = f"""{_WITH_TEXT}.map(each => {{
    const scale = each instanceof SVGTextElement ? each.getBoundingClientRect().height / each.getBBox().height : 1;
    return [each.textContent.slice(0, 60), parseFloat(getComputedStyle(each).fontSize) * scale];
}}).filter(([, size]) => size < 11.95)"""
_FAINT = f"""(() => {{
    const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const linear = each => (each /= 255) <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4;
    const light = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const over = ([r, g, b, a = 1], under) => [r, g, b].map((each, place) => a * each + (1 - a) * under[place]);
    const ground = each => {{
        const layers = [];
        for (let at = each; at; at = at.parentElement) {{
            const own = parts(getComputedStyle(at).backgroundColor);
            layers.push(own);
            if (own[3] === undefined || own[3] === 1) break;
        }}
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    }};
    return {_WITH_TEXT}.filter(each => !(each instanceof SVGElement)).map(each => {{
        const under = ground(each), ink = over(parts(getComputedStyle(each).color), under);
        const [dark, bright] = [light(ink), light(under)].sort((one, other) => one - other);
        return [each.outerHTML.slice(0, 90), (bright + 0.05) / (dark + 0.05)];
    }}).filter(([, contrast]) => contrast < 4.5);
}})()"""


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed: apt-get install chromium chromium-driver")


def started(profile: Path) -> Chrome:
    """Return a separate browser with a profile of its own; the test is skipped where none is installed."""
    options = ChromeOptions()
    options.binary_location = _program("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost,127.0.0.1")
        return Chrome(options, Service(_program("chromedriver")))


def opened(browser: Chrome, path: Path, width: int = 1280, scheme: str = "light", part: str = "") -> None:
    """Open a page in a window of this width and a colour scheme, at a part of it."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")  # a page that is open already would only scroll
    browser.get(path.as_uri() + (f"#{part}" if part else ""))


def asked(browser: Chrome, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
    """Return the value of an expression in the page."""
    return browser.execute_script(f"return {script}")


def beyond_the_window(browser: Chrome) -> list[str]:
    """Return what makes the page wider than its window, except in what scrolls on its own."""
    wider = asked(browser, "document.documentElement.scrollWidth > innerWidth")
    return [*asked(browser, _BEYOND), *(["the page scrolls sideways"] if wider else [])]


def small_texts(browser: Chrome) -> list[tuple[str, float]]:
    """Return the visible texts that are drawn smaller than 12 pixels, with their sizes."""
    return asked(browser, _SMALL)  # type: ignore[no-any-return]


def faint_texts(browser: Chrome) -> list[tuple[str, float]]:
    """Return the visible texts outside pictures whose contrast is below 4.5 (WCAG 2.2, 1.4.3), with it."""
    return asked(browser, _FAINT)  # type: ignore[no-any-return]
