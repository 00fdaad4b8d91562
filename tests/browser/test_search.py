"""Search as a person does it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.application import ORDER


def test_an_id_that_is_entered_leads_to_its_story(open_page):
    page = open_page("/status")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(ORDER)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/c/{ORDER}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("POST /orders")


def test_words_are_found_and_lead_to_the_event_in_its_story(open_page):
    page = open_page("/")
    page.get_by_role("searchbox").fill('service:shop level:error "could not be paid"')
    page.get_by_role("button", name="Search").click()
    table = page.get_by_role("table", name="Events that match, newest first")
    row = table.get_by_role("row").filter(has_text="order.failed")
    row.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(rf"/c/{ORDER}#e\d+-\d+$"))
    expect(page.locator("tr:target")).to_contain_text("order.failed")


def test_the_range_is_chosen_by_keyboard_and_stands_in_the_url(open_page):
    page = open_page("/?q=stock.low&since=15m")
    chosen = page.get_by_role("radio", name="15 min")
    expect(chosen).to_be_checked()
    chosen.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"since=1h"))
    expect(page.locator(".event", has_text="stock.low")).to_be_visible()


def test_errors_are_told_by_kind_when_nothing_is_asked(open_page):
    page = open_page("/")
    kinds = page.get_by_role("table", name="Errors of the last 24 h")
    kinds.get_by_role("link", name=re.compile("ChargeFailed")).click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("ChargeFailed")


def test_a_question_that_cannot_be_read_stays_to_be_mended(open_page, opened):
    opened.expected.append("400")
    page = open_page("/?q=%22open")
    expect(page.get_by_role("alert")).to_contain_text("the quote is not closed")
    expect(page.get_by_role("searchbox")).to_have_value('"open')


def test_filters_in_the_url_leave_what_they_name(open_page):
    page = open_page("/?q=service:payments level:>=error&since=1h")
    services = page.locator("#events tbody .who").all_inner_texts()
    assert services
    assert {each.strip() for each in services} == {"payments"}


def test_a_filter_in_the_language_of_rules_is_taken(open_page):
    page = open_page("/?where=order_id == 17 and level == 'error'")
    expect(page.locator("#events tbody tr.failed")).to_have_count(1)


def test_nothing_of_it_needs_scripts(open_page):
    page = open_page("/", script=False)
    page.get_by_role("searchbox").fill("stock.low")
    page.keyboard.press("Enter")
    expect(page.locator("#events")).to_contain_text("stock.low")
