"""``GET /v1/events``: by any id, exactly, page by page."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.access import Tokens
from logweir_service.expose import Reader, events_route, refuse_alike
from logweir_service.find import Asked, Page, Stories
from tests.service.find.index.scanned import Scanned

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def event(second: int, **ids: object) -> bytes:
    return json.dumps({"timestamp": f"2026-09-21T14:13:{second:02}Z", **ids}).encode()


LINES = [
    event(5, correlation_id="c1", user_id="u1", n=5),
    event(1, correlation_id=TRACE, user_id="u1", n=1),
    event(2, correlation_id="c1", trace_id=TRACE, user_id=42, n=2),
    event(3, correlation_id="c1", event_id="e-3", n=3),
    event(4, correlation_id="c10", trace_id="x", n=4),
]


def get(query: str, lines=LINES, *, partial=None) -> httpx.Response:
    stories = Stories(Scanned(lines))

    async def look_up(asked: Asked) -> Page:
        page = stories.read(stories.plan(asked))
        return page if partial is None else Page(page.events, None, partial)

    app = FastAPI()
    app.include_router(events_route(look_up, Reader(Tokens([]))))
    refuse_alike(app)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://logweir") as client:
            return await client.get(f"/v1/events?{query}")

    return asyncio.run(ask())


def found(query: str) -> list[int]:
    answer = get(query).json()
    assert answer["count"] == len(answer["events"])
    return [each["n"] for each in answer["events"]]


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("correlation_id=c1", [2, 3, 5]),
        (f"trace_id={TRACE}", [1, 2]),
        ("event_id=e-3", [3]),
        ("user_id=u1", [1, 5]),
        ("user_id=42", [2]),
        ("user_id=4", []),
        ("trace_id=c1", []),
        ("correlation_id=%27+OR+1%3D1", []),
        ("correlation_id=c%25", []),
        ("correlation_id=c.*", []),
        ("correlation_id=c1&since=2026-09-21T14:13:03Z", [3, 5]),
        ("correlation_id=c1&until=2026-09-21T14:13:03Z", [2]),
        ("correlation_id=c1&since=2026-09-21T14:13:03%2B00:00&until=2026-09-21T16:13:05%2B02:00", [3]),
        ("correlation_id=c1&since=1h", []),
        ("correlation_id=c1&limit=2&user_id=", [2, 3]),
    ],
)
def test_exactly_the_events_of_an_id_are_found_in_their_order(query, events):
    assert found(query) == events


def test_pages_follow_each_other_to_the_end():
    lines = [event(number % 60, correlation_id="c1", n=number) for number in range(25)] * 2
    seen, cursor = [], ""
    for _ in range(9):
        answer = get(f"correlation_id=c1&limit=7&cursor={cursor}", lines).json()
        assert answer["partial"] is None
        assert answer["truncated"] is (answer["next"] is not None)
        seen += [each["n"] for each in answer["events"]]
        cursor = answer["next"] or ""
        if not cursor:
            break
    assert seen == sorted([*range(25)] * 2)


def test_an_answer_that_may_lack_events_says_why():
    answer = get("correlation_id=c1", partial="deadline").json()
    assert (answer["count"], answer["partial"], answer["truncated"], answer["next"]) == (
        3,
        "deadline",
        True,
        None,
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "one id is needed"),
        ("correlation_id=", "one id is needed"),
        ("correlation_id=c1&user_id=u1", "one id is needed"),
        (f"correlation_id={'x' * 129}", "correlation_id"),
        ("correlation_id=c1&limit=0", "limit"),
        ("correlation_id=c1&limit=1001", "limit"),
        ("correlation_id=c1&since=soon", "since: is no moment"),
        ("correlation_id=c1&until=1", "until: is no moment"),
        ("correlation_id=c1&cursor=1:2", "cursor: is none that was handed out"),
        ("correlation_id=c1&cursor=1.2.3.4", "cursor: is none that was handed out"),
        ("correlation_id=c1&untill=1h", "untill"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_name(query, told):
    answer = get(query)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert told in answer.json()["message"]
