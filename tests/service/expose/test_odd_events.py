"""No event keeps a page from being shown, whatever it holds."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from datetime import UTC, datetime
from uuid import UUID

import httpx
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir.fields import RESERVED
from logweir_service.event import StoredEvent, rfc3339
from logweir_service.expose.links import Links
from logweir_service.expose.pages import Pages, search_page, story_page
from logweir_service.expose.pages.search import Answer, Searchable
from logweir_service.expose.pages.tail import tail_page
from tests.service.expose.chapters import first_chapter

texts = st.text(max_size=30)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
scalars = (
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.sampled_from(["a" * 16, "b" * 16, "<b>", "error", "\ud800"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
frames = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("filename", "function", "lineno", "in_app"), values)
)
links = st.fixed_dictionaries(
    {}, optional={"type": values, "value": values, "relation": values, "frames": st.lists(frames, max_size=3)}
)
keys = st.sampled_from(sorted(RESERVED - {"event", "service", "level", "timestamp"})) | texts
BEGIN = 1_789_948_800.0
moments = st.integers(0, 86_400_000).map(lambda milliseconds: rfc3339(BEGIN + milliseconds / 1000))
events = st.builds(
    lambda known, more, exception: {**more, **({"exception": exception} if exception else {}), **known},
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["a.b", "http.request"]),
            "service": st.sampled_from(["shop", "payments"]),
            "level": st.sampled_from(["info", "error", "critical"]),
            "timestamp": moments,
        }
    ),
    st.dictionaries(keys, values, max_size=8),
    st.none() | st.lists(links, max_size=3),
)


def application(stored: list[StoredEvent]) -> FastAPI:
    async def search(asked: object, *, limit: int, deadline_seconds: float) -> Answer:
        return Answer(stored)

    async def identify(text: str) -> None:
        return None

    app, everybody = FastAPI(openapi_url=None), lambda: None
    find = first_chapter(lambda _, limit: stored)
    app.include_router(story_page(PAGES, everybody, find, journal=UUID(int=7), clock=lambda: NOW))
    searchable = Searchable(search, identify, lambda: False)
    app.include_router(search_page(PAGES, everybody, searchable, clock=lambda: NOW))
    app.include_router(tail_page(PAGES, everybody, search, last_lsn=lambda: 1))
    return app


PAGES = Pages(version="0.0", links=Links("https://s.example/{event_id}", "https://t.example/{trace_id}"))
NOW = datetime(2026, 9, 24, tzinfo=UTC)


@settings(max_examples=120, deadline=None)
@given(st.lists(events, min_size=1, max_size=4))
def test_every_page_shows_every_event(found):
    stored = [
        StoredEvent(number, 0, 0.0, json.dumps(event).encode("utf-8", "replace"))
        for number, event in enumerate(found, 1)
    ]
    app = application(stored)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            for path in ("/c/c1", "/?q=x", "/", "/tail"):
                answer = await client.get(path)
                assert answer.status_code == 200
                assert all(map(is_seen, answer.text))

    asyncio.run(ask())


def is_seen(character: str) -> bool:
    return character.isprintable() or character == "\n" or unicodedata.category(character) == "Zs"


def test_half_a_character_in_every_field_is_shown():
    members = dict.fromkeys(sorted(RESERVED), "\ud800") | {
        "level": "error",
        "timestamp": "2026-09-21T00:00:00Z",
    }
    stored = [StoredEvent(1, 0, 0.0, json.dumps(members).encode())]

    async def ask() -> None:
        transport = httpx.ASGITransport(application(stored))
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            for path in ("/c/c1", "/?q=x", "/", "/tail"):
                assert r"\ud800" in (await client.get(path)).text

    asyncio.run(ask())
