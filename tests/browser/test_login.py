"""Nothing can be read before the token is entered."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.application import ORDER
from tests.browser.conftest import INGEST, READ, log_in


def test_who_enters_the_token_reads_what_they_asked_for(open_page):
    page = open_page(logged_in=False)
    log_in(page, at=f"/c/{ORDER}?x=1")
    expect(page).to_have_url(re.compile(rf"/c/{ORDER}\?x=1$"))
    assert "order.failed" in page.content()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Read token")).to_be_visible()
    page.goto("/status", wait_until="domcontentloaded")
    expect(page.get_by_label("Read token")).to_be_visible()


def test_a_wrong_token_is_told_and_asked_for_again(open_page, opened):
    opened.expected.append("401")
    page = open_page(logged_in=False)
    log_in(page, at="/status", token=INGEST)
    expect(page.get_by_role("alert")).to_contain_text("none of the read tokens")
    page.get_by_label("Read token").fill(READ)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Status"))).to_be_visible()


def test_the_token_can_be_entered_without_a_mouse_and_without_scripts(open_page):
    page = open_page("/status", logged_in=False, script=False)
    expect(page.get_by_label("Read token")).to_be_focused()
    page.keyboard.type(READ)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Status"))).to_be_visible()


def test_scripts_cannot_read_the_session(open_page):
    page = open_page("/status")
    assert page.evaluate("document.cookie") == ""


def test_a_link_from_elsewhere_opens_at_once_for_whoever_is_logged_in(open_page, opened, service):
    elsewhere = service.url.replace("127.0.0.1", "localhost")
    page = open_page()
    page.route(
        f"{elsewhere}/chat",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<a href="{service.url}/c/{ORDER}">a story</a>'
        ),
    )
    page.goto(f"{elsewhere}/chat")
    page.get_by_role("link", name="a story").click()
    expect(page).to_have_url(f"{service.url}/c/{ORDER}")
    opened.faults = [fault for fault in opened.faults if "/chat" not in fault]


def test_nothing_keeps_anybody_from_the_form(open_page, opened):
    opened.expected.append("401")
    page = open_page(logged_in=False, width=390)
    log_in(page, token="wrong")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
