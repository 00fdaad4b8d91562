from __future__ import annotations

import asyncio
import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.event import StoredEvent
from logweir_service.expose import refuse_alike
from logweir_service.expose.pages import Pages, static_route, story_page
from tests.service.expose.chapters import first_chapter

HOSTILE = [
    "<script>window.hit=1</script>",
    "</script><script>window.hit=1</script>",
    "\"'><img src=x onerror=window.hit=1>",
    "{{7*7}}{% raw %}",
    "javascript:window.hit=1",
    "a\u202egnp.exe",
    "nul\x00 esc\x1b[31m",
    "zero\u200bwidth",
    "line\u2028break",
    "x" * 100_000,
]


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def stored(number: int, **members: Any) -> StoredEvent:
    event = {
        "timestamp": f"2026-09-21T14:00:{number // 1000:02}.{number % 1000:03}Z",
        "level": "info",
        "event": "step.done",
        "service": "shop",
        "correlation_id": "c1",
        **members,
    }
    return StoredEvent(number + 1, 0, 0.0, json.dumps(event, ensure_ascii=False).encode())


def get(path: str, events: list[StoredEvent]) -> httpx.Response:
    app, pages = FastAPI(openapi_url=None), Pages(version="0.0")
    app.include_router(static_route(pages.static))
    moment = datetime(2026, 9, 21, 14, 5, tzinfo=UTC)
    app.include_router(
        story_page(
            pages,
            lambda: None,
            first_chapter(lambda _, limit: events[:limit]),
            journal=UUID(int=7),
            clock=lambda: moment,
        )
    )
    refuse_alike(app, pages)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            return await client.get(path)

    return asyncio.run(ask())


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_a_story_tells_what_it_was_and_its_error_before_its_rows():
    events = [
        stored(10, event="cart.loaded", message="three things"),
        stored(
            300,
            service="payments",
            level="error",
            event="charge.failed",
            exception=[
                {
                    "type": "ChargeFailed",
                    "value": "order 3 may be paid",
                    "frames": [
                        {"filename": "lib/routing.py", "lineno": 7, "function": "app", "in_app": False},
                        {"filename": "charges.py", "lineno": 56, "function": "charge", "in_app": True},
                    ],
                },
                {"type": "TimeoutError", "value": "no answer", "relation": "cause", "frames": []},
            ],
        ),
        stored(
            400,
            event="http.request",
            duration_seconds=0.4,
            http_request_method="POST",
            http_route="/checkout",
            http_response_status_code=502,
        ),
    ]
    page = get("/c/c1", events).text
    told = text_of(page)
    assert "<title>POST /checkout · Logweir</title>" in page
    parts = [
        "Outcome failure",
        "ChargeFailed",
        "charge charges.py:56",
        "caused by TimeoutError",
        "What came before",
    ]
    places = [told.index(part) for part in (*parts, "cart.loaded three things")]
    assert places == sorted(places)
    assert places[-1] < page.index("<table")
    assert told.index("lib/routing.py") > told.index("All 2 frames")


def test_an_error_that_brings_neither_exception_nor_type_is_called_by_its_event():
    page = get("/c/c1", [stored(1), stored(2, level="error", event="payment.refused", message="no money")])
    assert page.status_code == 200
    assert "payment.refused : no money" in text_of(page.text)


@pytest.mark.parametrize("value", HOSTILE)
def test_what_events_hold_is_shown_as_text_in_every_field(value):
    names = (
        "message",
        "error_type",
        "user_id",
        "logger",
        "trace_id",
        "http_route",
        "url_path",
        "peer_service",
    )
    event = stored(
        1,
        level="error",
        **dict.fromkeys(names, value),
        **{value[:90]: value},
        http_request_method=value,
        nested={value[:90]: [value]},
        exception=[{"type": value, "value": value, "frames": [{"filename": value, "context_line": value}]}],
        exception_text=value,
    )
    answer = get("/c/c1", [event, stored(2)])
    assert answer.status_code == 200
    elements = Elements(answer.text)
    assert [each.get("src") for each in elements.named("script")] == [Pages(version="").static.url("page.js")]
    assert not elements.named("img")
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert all((each["href"] or "").startswith(("/", "#")) for each in elements.named("a"))
    assert not [each for each in answer.text if not (each.isprintable() or each in "\n\t\u202f")]
    assert "49" not in text_of(answer.text) or value != HOSTILE[3]


def test_a_long_story_is_cut_into_parts_that_lead_to_each_other():
    events = [stored(number) for number in range(450)]
    page = get("/c/c1?from=200", events)
    assert page.text.count('class="at"><a') == 200
    assert "201 to 400 of 450" in page.text
    assert 'href="/c/c1?from=0"' in page.text
    assert 'href="/c/c1?from=400"' in page.text
    assert get("/c/c1?from=999999", events).text.count('class="at"><a') == 50


def test_the_parts_of_a_story_whose_id_has_to_be_quoted_are_found():
    events = [stored(number, correlation_id="job:7") for number in range(450)]
    assert 'href="/c/job%3A7?from=200"' in get("/c/job%3A7", events).text


def test_the_error_of_a_long_story_comes_first_and_leads_to_its_row_on_a_later_part():
    events = [stored(number) for number in range(1500)]
    events[1499] = stored(1499, level="error", event="step.failed", message="it broke")
    page = get("/c/c1", events).text
    assert text_of(page).index("it broke") < page.index("<table")
    assert 'href="/c/c1?open=1500-0#e1500-0"' in page
    assert 'id="e1500-0"' not in page
    on_its_part = get("/c/c1?open=1500-0", events).text
    assert 'href="#e1500-0"' in on_its_part
    assert 'id="e1500-0"' in on_its_part


def test_a_large_event_keeps_its_fields_for_whoever_asks_for_them():
    events = [stored(1), stored(2, payload="y" * 40_000)]
    page = get("/c/c1", events).text
    assert "y" * 2000 not in page
    assert 'href="/c/c1?open=3-0#e3-0"' in page
    assert "y" * 40_000 in get("/c/c1?open=3-0", events).text


def test_gaps_are_rows_where_they_are_not_the_usual_pace():
    steady = [stored(number * 1050) for number in range(55)]
    assert "without an event" not in get("/c/c1", steady).text
    assert "8.00 s without an event" in text_of(get("/c/c1", [stored(0), stored(100), stored(8100)]).text)


def test_many_large_events_are_not_all_on_one_page():
    events = [stored(number, payload="z" * 30_000) for number in range(150)]
    page = get("/c/c1", events).text
    assert len(page) < 6_000_000
    assert "z" * 30_000 in get("/c/c1?open=150-0", events).text


def test_an_id_that_nothing_is_stored_under_says_what_to_try():
    answer = get("/c/%3Cb%3Enone", [])
    assert answer.status_code == 404
    assert "&lt;b&gt;none" in answer.text
    assert "Nothing is stored under this id" in answer.text


def test_an_address_that_nothing_has_is_told_in_words():
    app, pages = FastAPI(openapi_url=None), Pages(version="0.0")
    refuse_alike(app, pages)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            return await client.get("/nothing", headers={"Accept": "text/html"})

    answer = asyncio.run(ask())
    assert answer.status_code == 404
    assert "No page has this address." in answer.text


@pytest.mark.parametrize("identifier", ["%", "..", "a:b", "*", "' OR 1=1 --", ".*", "x" * 129, "\x00"])
def test_an_id_is_looked_up_as_it_is_or_not_at_all(identifier):
    asked: list[str] = []
    app, pages = FastAPI(openapi_url=None), Pages(version="0.0")

    def stories(sought: str, limit: int) -> list[StoredEvent]:
        asked.append(sought)
        return []

    app.include_router(story_page(pages, lambda: None, first_chapter(stories), journal=UUID(int=7)))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            return await client.get(httpx.URL("http://logweir/c/x").copy_with(raw_path=quoted(identifier)))

    assert asyncio.run(ask()).status_code == 404
    assert asked == ([identifier] if identifier in ("..", "a:b") else [])


def quoted(identifier: str) -> bytes:
    return b"/c/" + "".join(f"%{byte:02X}" for byte in identifier.encode()).encode()
