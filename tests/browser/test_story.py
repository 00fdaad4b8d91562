"""A story as a person reads it."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.application import HOSTILE, ORDER


def test_the_error_stands_first_with_its_chain_and_what_came_before(open_page):
    page = open_page(f"/c/{ORDER}")
    error = page.get_by_role("region", name="ChargeFailed")
    expect(error).to_contain_text("card ending in 4242 was not charged")
    expect(error).to_contain_text("caused by TimeoutError: the bank did not answer within 2 s")
    expect(error.get_by_role("list", name="What came before")).to_contain_text("charge.begun")
    expect(error.get_by_role("list", name="Stack of ChargeFailed")).to_contain_text("application.py")
    table = page.get_by_role("table", name="The events of this story")
    assert error.bounding_box()["y"] < table.bounding_box()["y"]


def test_rows_are_nested_across_services_and_have_bars(open_page):
    table = open_page(f"/c/{ORDER}").get_by_role("table", name="The events of this story")
    depths = {
        row.locator(".event").inner_text(): row.locator("summary i").count()
        for row in table.locator("tr[id]").all()
    }
    assert depths["order.begun"] == depths["external.call"] == 1
    assert depths["charge.begun"] == 3
    bars = table.get_by_role("img", name=re.compile(r"^from .+, for .+"))
    assert bars.count() >= 4
    expect(table.get_by_role("img", name=re.compile("^at ")).first).to_be_visible()


def test_a_row_opens_by_keyboard_to_all_fields(open_page):
    page = open_page(f"/c/{ORDER}")
    row = page.locator("tr[id]").filter(has_text="order.begun")
    row.locator("summary").first.focus()
    page.keyboard.press("Enter")
    fields = row.get_by_role("table", name="All fields of order.begun")
    expect(fields.get_by_role("row", name="order_id 17")).to_be_visible()
    expect(fields.get_by_role("row", name="user_id u-42")).to_be_visible()


def test_ids_commands_and_events_are_copied(open_page):
    page = open_page(f"/c/{ORDER}", permissions=["clipboard-read", "clipboard-write"])

    def copied() -> str:
        return str(page.evaluate("navigator.clipboard.readText()"))

    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_attached()
    assert copied() == ORDER
    page.get_by_role("button", name="Copy command").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('logweir'))")
    assert copied() == f"logweir grep {ORDER}"
    row = page.locator("tr[id]").filter(has_text="order.begun")
    row.locator("summary").first.click()
    row.get_by_role("button", name="Copy JSON").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('{'))")
    assert json.loads(copied())["message"] == "An order of two things"


def test_where_else_it_can_be_seen_is_a_link_away(open_page):
    page = open_page(f"/c/{ORDER}")
    trace = page.get_by_role("link", name="Trace")
    expect(trace).to_have_attribute("href", f"https://traces.example/trace/{ORDER}")
    issue = page.get_by_role("link", name="Sentry", exact=True)
    expect(issue).to_have_attribute(
        "href", re.compile(r"^https://sentry\.example/issues/\?query=[0-9a-f]{32}$")
    )
    page.get_by_role("link", name="JSON", exact=True).click()
    assert json.loads(page.locator("body").inner_text())["correlation_id"] == ORDER


def test_hostile_values_are_read_as_they_are(open_page):
    page = open_page(f"/c/{HOSTILE}")
    expect(page.get_by_role("region", name="ValueError")).to_contain_text("<script>window.stolen=1")
    row = page.locator("tr[id]").filter(has_text="comment.refused")
    expect(row).to_contain_text(r"\u202etxt.exe\u200b\x1b[31mred")
    assert page.evaluate("window.stolen") is None


def test_an_unknown_id_says_what_to_try(open_page, opened):
    opened.expected.append("404")
    page = open_page("/c/nobody-sent-this")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is stored under this id")
    page.get_by_role("link", name="Search the last 24 hours").click()
    expect(page.get_by_role("searchbox")).to_have_value('"nobody-sent-this"')


def test_all_of_it_can_be_read_without_scripts(open_page):
    page = open_page(f"/c/{ORDER}", script=False)
    row = page.locator("tr[id]").filter(has_text="order.begun")
    row.locator("summary").first.click()
    expect(row.get_by_role("row", name="order_id 17")).to_be_visible()
    expect(page.get_by_role("button", name="Copy id")).to_be_hidden()
