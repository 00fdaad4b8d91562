from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.errors import Refusal
from logweir_service.event import StoredEvent
from logweir_service.expose import refuse_alike
from logweir_service.expose.pages import Pages, search_page
from logweir_service.expose.pages.asked import Asked, moment
from logweir_service.expose.pages.search import Answer, Searchable

NOW = datetime(2026, 9, 21, 14, 5, tzinfo=UTC)


def stored(number: int, **members: Any) -> StoredEvent:
    event = {
        "timestamp": f"2026-09-21T14:{number:02}:00Z",
        "level": "info",
        "event": "step.done",
        "service": "shop",
        "correlation_id": f"c{number}",
        **members,
    }
    return StoredEvent(number + 1, 0, 0.0, json.dumps(event).encode())


class Journal:
    """What a search finds, and what it was asked."""

    def __init__(self, events: Sequence[StoredEvent] = (), **answer: Any) -> None:
        self.answer = Answer(events, **answer)
        self.asked: list[Asked] = []
        self.paths: dict[str, str] = {}
        self.refusal: Refusal | None = None
        self.is_empty = False

    async def search(self, asked: Asked, *, limit: int, deadline_seconds: float) -> Answer:
        self.asked.append(asked)
        if self.refusal:
            raise self.refusal
        return self.answer

    async def identify(self, text: str) -> str | None:
        return self.paths.get(text)


def get(path: str, journal: Journal, *, guarded: bool = False) -> httpx.Response:
    app, pages = FastAPI(openapi_url=None), Pages(version="0.0", guarded=guarded)
    searchable = Searchable(journal.search, journal.identify, lambda: journal.is_empty)
    app.include_router(search_page(pages, lambda: None, searchable, clock=lambda: NOW))
    refuse_alike(app, pages)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir:7171") as client:
            return await client.get(path)

    return asyncio.run(ask())


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def links(page: str) -> dict[str, str]:
    found = re.findall(r'<a[^>]*href="([^"]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {text_of(text).strip(): html.unescape(url) for url, text in found}


def test_an_id_leads_to_its_story_whatever_else_was_asked():
    journal = Journal()
    journal.paths["4bf92f3577b34da6a3ce929d0e0e4736"] = "/c/order-7#e3-0"
    answer = get("/?q=%204bf92f3577b34da6a3ce929d0e0e4736&since=15m", journal)
    assert (answer.status_code, answer.headers["location"]) == (303, "/c/order-7#e3-0")
    assert not journal.asked


def test_words_that_are_no_id_are_searched_for():
    journal = Journal([stored(3, message="did not answer")])
    page = get("/?q=answer&since=1h", journal).text
    assert [(asked.text, asked.since) for asked in journal.asked] == [("answer", "1h")]
    assert "did not answer" in text_of(page)
    assert links(page)["14:03:00.000"] == "/c/c3#e4-0"


def test_what_was_asked_stands_in_the_form_again_and_in_the_links_that_go_on():
    journal = Journal([stored(3)], next="9:1")
    asked = {"q": 'service:"a b" <x>', "where": "a > 1", "from": "2026-09-21 03:00", "until": "2026-09-22"}
    page = get(f"/?{httpx.QueryParams(asked)}", journal).text
    assert 'value="service:&#34;a b&#34; &lt;x&gt;"' in page
    older = parse_qs(urlsplit(links(page)["Older"]).query)
    assert older == {**{name: [value] for name, value in asked.items()}, "cursor": ["9:1"]}
    assert (journal.asked[0].since, journal.asked[0].until) == (
        "2026-09-21T03:00:00Z",
        "2026-09-22T00:00:00Z",
    )


def test_a_search_that_had_to_stop_says_how_far_it_came_and_goes_on_from_there():
    oldest = datetime(2026, 9, 21, 11, 5, tzinfo=UTC)
    journal = Journal([], next="9:1", partial="deadline", looked_at=12_000, oldest=oldest)
    page = get("/?q=x&since=7d", journal).text
    assert "12,000 events looked at, back to 3 h ago; the deadline of 10 s was reached." in text_of(page)
    assert "Nothing matches" not in page
    assert "cursor=9%3A1" in links(page)["Go on from there"]


def test_nothing_found_says_what_to_try():
    page = get("/?q=x&since=1h", Journal()).text
    assert "Nothing matches in the last hour" in text_of(page)
    assert links(page)["Look further back"] == "/?q=x&since=24h"


def test_a_question_that_cannot_be_read_is_told_beside_it():
    journal = Journal()
    journal.refusal = Refusal(400, "invalid_query", "a quote is <not> closed")
    answer = get("/?q=%22", journal)
    assert answer.status_code == 400
    assert "a quote is &lt;not&gt; closed" in answer.text
    assert 'value="&#34;"' in answer.text


def test_errors_of_one_kind_are_one_line_when_nothing_was_asked():
    raised = [{"type": "ChargeFailed", "value": "may be paid", "frames": []}]
    failed = [
        stored(number, level="error", event="charge.failed", service="payments", exception=raised)
        for number in (4, 2)
    ]
    journal = Journal([failed[0], stored(3, level="critical", event="disk.full"), failed[1]])
    page = get("/", journal).text
    assert [(asked.text, asked.since) for asked in journal.asked] == [("level:>=error", "24h")]
    assert page.count('class="kind"') == 2
    assert "1 min ago 2 payments ChargeFailed may be paid charge.failed 3 min ago" in text_of(page)
    assert links(page)["ChargeFailed"] == "/c/c4#e5-0"


def test_an_empty_service_shows_how_a_first_event_is_sent():
    journal = Journal()
    journal.is_empty = True
    told = text_of(get("/", journal, guarded=True).text)
    assert "curl http://logweir:7171/v1/events" in told
    assert "Authorization: Bearer INGEST_TOKEN" in told
    assert not journal.asked


def test_no_errors_is_said_calmly():
    assert "No errors." in text_of(get("/", Journal()).text)


def test_the_twin_is_the_search_with_the_same_words():
    answer = get("/index.json?q=a%20b&since=1h&until=2026-09-22", Journal())
    assert answer.status_code == 307
    assert answer.headers["location"] == "/v1/search?q=a+b&since=1h&until=2026-09-22T00%3A00%3A00Z"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-09-21", "2026-09-21T00:00:00Z"),
        ("2026-09-21 03:04", "2026-09-21T03:04:00Z"),
        ("2026-09-21T03:04:05.5+02:00", "2026-09-21T03:04:05.5+02:00"),
        ("3h", "3h"),
        ("yesterday", "yesterday"),
    ],
)
def test_moments_may_be_written_briefly(written, read):
    assert moment(written) == read


def test_large_events_are_shown_whole_where_they_are_alone():
    events = [stored(3, payload="y" * 40_000), *(stored(4, payload="z" * 30_000) for _ in range(90))]
    page = get("/?q=x", Journal(events)).text
    assert links(page)["Show its fields in its story"] == "/c/c4?open=5-0#e5-0"
    assert "y" * 2000 not in page
    assert len(page) < 6_000_000
