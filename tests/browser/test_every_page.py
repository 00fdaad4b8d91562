"""What holds for every page: it fits, anybody can use it, and nothing of an event runs in it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.everywhere import PAGES


@pytest.fixture(params=PAGES)
def path(request, opened) -> str:
    if request.param.startswith("no "):
        opened.expected.append("404")
    return PAGES[request.param]


def test_nothing_keeps_anybody_out_in_light_and_dark(path, open_page):
    page = open_page(path)
    open_some(page)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.emulate_media(color_scheme="dark")
    found = Axe().run(page, options={"runOnly": ["color-contrast"]})
    assert found.violations_count == 0, found.generate_report()


def test_nothing_lies_beyond_the_edge(path, open_page):
    page = open_page(path, width=390, height=844)
    for width, height in ((390, 844), (1280, 800), (3840, 2160)):
        page.set_viewport_size({"width": width, "height": height})
        assert beyond(page) <= 0, width
        open_some(page)
        assert beyond(page) <= 0, f"{width}, with details open"


def test_no_event_brings_a_script_or_an_element(path, open_page):
    page = open_page(path)
    open_some(page)
    assert page.evaluate("window.stolen") is None
    for odd in (
        "img, iframe, object, embed",
        "script:not([src^='/static/'])",
        "a[href^='javascript:' i]",
        "[style], [onclick], [onerror]",
    ):
        assert page.locator(odd).count() == 0, odd


def test_everything_is_there_without_scripts_and_reached_by_keyboard(path, open_page):
    page = open_page(path, script=False)
    assert page.locator("main h1").count() == 1
    if not page.locator("[autofocus]").count():
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("link", name="Skip to the content").press("Enter")
    page.keyboard.press("Tab")
    main = page.locator("main :is(a[href], button, summary, input, [tabindex='0']):visible")
    if main.count():
        expect(main.first).to_be_focused()


def beyond(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def open_some(page: Page) -> None:
    """Open the first details, of which a page may have hundreds that are alike."""
    page.evaluate(
        "for (const each of [...document.querySelectorAll('details')].slice(0, 8)) each.open = true"
    )
