"""Events appear as they arrive, and nothing that happens in between goes without a word."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, Route, expect

from tests.browser.application import SCRIPT
from tests.browser.conftest import READ, Opened, environment, log_in, send
from tests.end_to_end.live import LiveService


def is_live(page: Page) -> None:
    expect(page.locator("[data-state-text]")).to_have_text("live", timeout=10_000)


def test_an_event_that_is_sent_now_appears(open_page, service):
    page = open_page("/tail")
    is_live(page)
    send(service, {"event": "tail.now", "message": "just sent", "correlation_id": "tail-1"})
    row = page.locator("#tail tbody tr", has_text="tail.now")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row.get_by_role("link", name="Open the story")).to_be_visible()


def test_filters_in_the_address_hold_for_what_comes(open_page, service):
    page = open_page("/tail?q=level:error&where=order_id > 5")
    is_live(page)
    for order, level in ((1, "error"), (9, "info"), (7, "error")):
        send(service, {"event": f"tail.order-{order}".replace("-", "_"), "level": level, "order_id": order})
    expect(page.locator("#tail tbody tr", has_text="tail.order_7")).to_have_count(1)
    assert "tail.order_1" not in page.locator("#tail").inner_text()
    assert "tail.order_9" not in page.locator("#tail").inner_text()


def test_a_pause_holds_events_back_and_lets_none_of_them_go(open_page, service):
    page = open_page("/tail?q=tail.held")
    is_live(page)
    page.get_by_role("button", name="Pause").click()
    send(service, *({"event": "tail.held", "number": number} for number in range(3)))
    expect(page.locator("[data-state-text]")).to_have_text("paused")
    expect(page.locator("[data-held]")).to_have_text("3")
    expect(page.locator("#tail tbody tr[data-place]")).to_have_count(0)
    page.keyboard.press("p")
    expect(page.locator("#tail tbody tr[data-place]")).to_have_count(3)
    is_live(page)


def test_what_was_passed_by_is_counted(open_page, service):
    page = open_page("/tail?q=tail.flood")
    is_live(page)
    page.get_by_role("button", name="Pause").click()
    send(service, *({"event": "tail.flood", "number": number} for number in range(620)))
    expect(page.locator("[data-dropped]")).to_have_text("120")
    expect(page.locator("[data-dropped-part]")).to_be_visible()


def test_what_somebody_reads_does_not_run_away(open_page, service):
    page = open_page("/tail?q=tail.read")
    is_live(page)
    send(service, {"event": "tail.read", "tags": {"till": "7"}})
    page.locator("#tail tbody tr[data-place] summary").click()
    expect(page.get_by_role("rowheader", name="tags")).to_be_visible()
    expect(page.locator("[data-state-text]")).to_have_text("paused")


def test_at_most_500_rows_are_kept_and_none_is_there_twice(open_page, service):
    page = open_page("/tail?q=tail.many")
    is_live(page)
    send(service, *({"event": "tail.many", "number": number} for number in range(620)))
    expect(page.locator("[data-shown]")).to_have_text("620")
    rows = page.locator("#tail tbody tr[data-place]")
    expect(rows).to_have_count(500)
    assert len({*rows.evaluate_all("rows => rows.map(row => row.dataset.place)")}) == 500
    expect(rows.first).to_contain_text("number=619")


def test_the_form_filters_and_a_row_leads_to_its_story(open_page, service):
    page = open_page("/tail")
    page.get_by_role("searchbox", name="Only events with").fill("event:tail.led level:>=warning")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"/tail\?q=event%3Atail\.led"))
    is_live(page)
    send(
        service, {"event": "tail.led"}, {"event": "tail.led", "level": "error", "correlation_id": "tail-led"}
    )
    row = page.locator("#tail tbody tr[data-place]")
    expect(row).to_have_count(1)
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/c/tail-led#e\d+-1$"))
    expect(page.locator("tr:target")).to_contain_text("tail.led")


def test_what_an_event_brings_is_text_here_too(open_page, service):
    page = open_page("/tail?q=tail.hostile")
    is_live(page)
    send(
        service, {"event": "tail.hostile", "message": SCRIPT, SCRIPT: "\u202e\x1b[31m", "error_type": SCRIPT}
    )
    row = page.locator("#tail tbody tr[data-place]")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row.get_by_role("cell", name=SCRIPT, exact=True).first).to_be_visible()
    assert page.evaluate("window.stolen") is None
    assert page.locator("main img, main script").count() == 0
    assert "\u202e" not in row.inner_text()


def test_the_newest_events_are_there_without_scripts(open_page, service):
    send(service, {"event": "tail.unscripted"})
    page = open_page("/tail", script=False)
    expect(page.locator("#tail")).to_contain_text("tail.unscripted")


def test_after_a_restart_it_goes_on_with_what_it_has_not_shown(browser, tmp_path):
    with LiveService(tmp_path / "data", environment=environment(tmp_path)) as live:
        opened = Opened(live.url, expected=["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED", "503"])
        context = browser.new_context(base_url=live.url)
        page = context.new_page()
        opened.watch(page)
        log_in(page, at="/tail", token=READ)
        is_live(page)
        send(live, {"event": "tail.before"})
        expect(page.locator("#tail tbody tr[data-place]")).to_have_count(1)
        begun = time.monotonic()
        assert live.stop() == 0
        assert time.monotonic() - begun < 10  # an open tail does not hold it up
        live.start()
        send(live, {"event": "tail.meanwhile"})
        expect(page.locator("#tail", has_text="tail.meanwhile")).to_be_visible(timeout=20_000)
        is_live(page)
        send(live, {"event": "tail.after"})
        expect(page.locator("#tail tbody tr[data-place]")).to_have_count(3)
        context.close()
        assert opened.faults == []


def test_a_service_that_is_starting_is_asked_again(open_page, opened, service):
    opened.expected.append("503")
    page = open_page()
    answers = [503, 503]

    def starting(route: Route) -> None:
        if answers:
            route.fulfill(status=answers.pop(), json={"error": "starting"})
        else:
            route.continue_()

    page.route("**/v1/tail*", starting)
    page.goto("/tail?q=tail.started", wait_until="domcontentloaded")
    is_live(page)
    send(service, {"event": "tail.started"})
    expect(page.locator("#tail tbody tr[data-place]")).to_have_count(1)


def test_a_session_that_is_over_is_told(open_page, opened):
    opened.expected.append("401")
    page = open_page()
    page.route("**/v1/tail*", lambda route: route.fulfill(status=401, json={"error": "unauthorized"}))
    page.goto("/tail", wait_until="domcontentloaded")
    expect(page.locator("[data-state-text]")).to_have_text("ended: reload the page to log in")
