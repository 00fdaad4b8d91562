from __future__ import annotations

import asyncio
from collections.abc import Sequence
from gzip import compress

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.access import Tokens
from logweir_service.expose import Readable, Reader, events_route, reading_routes, refuse_alike
from logweir_service.expose.events import LookUp
from logweir_service.find import Asked, Page, Stories
from logweir_service.limits import Limits
from tests.service.find.index.scanned import Scanned


def story(count: int) -> list[bytes]:
    """A story whose events stand in the journal from the last to the first."""
    lines = [
        b'{"timestamp":"2026-09-21T14:%02d:%02dZ","correlation_id":"c1","order":%d,"total":%s}'
        % (*divmod(number, 60), number, b"9" * 500)
        for number in range(count)
    ]
    return lines[::-1]


def look_up_in(lines: Sequence[bytes]) -> LookUp:
    stories = Stories(Scanned(lines))

    async def look_up(asked: Asked) -> Page:
        return stories.read(stories.plan(asked))

    return look_up


async def two_parts(*, openmetrics: bool, gzip: bool) -> list[bytes]:
    parts = [b"openmetrics 1\n" if openmetrics else b"text 1\n", b"end 1\n"]
    if not gzip:
        return parts
    whole = compress(b"".join(parts))
    return [whole[:10], whole[10:]]


def get(
    path: str, *, count: int = 0, not_ready: str | None = None, method: str = "GET", **headers: str
) -> httpx.Response:
    """The answer of a service that holds a story of this many events."""
    app = FastAPI()
    readable = Readable(
        page=two_parts,
        ready=lambda: not_ready,
        limits=Limits(),
    )
    reader = Reader(Tokens([]))
    app.include_router(reading_routes(readable, reader))
    app.include_router(events_route(look_up_in(story(count)), reader))
    refuse_alike(app)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://logweir") as client:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers={"Accept-Encoding": "identity", **given})

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("query", "count", "shown", "truncated"),
    [
        ("&limit=3", 5, 3, True),
        ("&limit=5", 5, 5, False),
        ("&limit=6", 5, 5, False),
        ("", 1000, 1000, False),
        ("", 1001, 1000, True),
        ("&limit=1", 0, 0, False),
    ],
)
@pytest.mark.fault(50)
def test_a_story_is_cut_behind_its_first_events_and_says_so(query, count, shown, truncated):
    answer = get(f"/v1/events?correlation_id=c1{query}", count=count).json()
    assert (answer["count"], answer["truncated"]) == (shown, truncated)
    assert [event["order"] for event in answer["events"]] == [*range(shown)]


def test_events_are_answered_byte_for_byte():
    answer = get("/v1/events?correlation_id=c1", count=2)
    assert answer.headers["content-type"] == "application/json"
    assert all(line in answer.content for line in story(2))


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", ""])
@pytest.mark.fault(50)
def test_a_limit_that_is_none_is_refused(limit):
    answer = get(f"/v1/events?correlation_id=c1&limit={limit}", count=2)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/ready", "/-/ready"])
def test_a_service_that_takes_no_events_says_why(path):
    answer = get(path, not_ready="stopping")
    assert (answer.status_code, answer.json()) == (503, {"status": "not_ready", "message": "stopping"})
    assert (get(path).status_code, get(path).json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("path", ["/health", "/-/healthy"])
def test_a_service_that_takes_no_events_is_alive_all_the_same(path):
    assert get(path, not_ready="stopping").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/-/healthy", "/ready", "/-/ready"])
@pytest.mark.parametrize("not_ready", [None, "stopping"])
def test_the_head_of_health_is_answered_like_the_whole(path, not_ready):
    head = get(path, method="HEAD", not_ready=not_ready)
    assert head.status_code == get(path, not_ready=not_ready).status_code


@pytest.mark.parametrize(
    ("accept_encoding", "zipped"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("br;q=1.0, gzip ; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("identity", False),
        ("*", False),
        ("notgzip", False),
        ("", False),
    ],
)
def test_metrics_are_zipped_where_that_is_asked_for(accept_encoding, zipped):
    answer = get("/metrics", Accept_Encoding=accept_encoding)
    assert answer.headers.get("content-encoding") == ("gzip" if zipped else None)
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.text == "text 1\nend 1\n"
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded


def test_metrics_are_openmetrics_where_that_is_asked_for():
    answer = get("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text == "openmetrics 1\nend 1\n"
    assert get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
