"""``/``: search, and what went wrong lately."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from logweir.fields import CORRELATION_ID
from logweir_service.errors import Refusal
from logweir_service.event import StoredEvent
from logweir_service.find.story.moment import read

from .asked import RANGES, Asked
from .headers import page_headers
from .lately import kinds
from .marks import ago, count, number
from .page import Pages

PAGE_EVENTS: Final = 100
"""Events of one page of results."""

_RECENT_ERRORS: Final = 200
_RECENT_SECONDS: Final = 3.0
_DEADLINE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search has found, newest first."""

    events: Sequence[StoredEvent]
    next: str | None = None
    """The cursor from which on there may be more."""
    partial: str | None = None
    """Why not everything was looked at, or None."""
    looked_at: int = 0
    """Events."""
    oldest: datetime | None = None
    """Of what was looked at."""


class Searcher(Protocol):
    """Looks for events."""

    async def __call__(self, asked: Asked, *, limit: int, deadline_seconds: float) -> Answer:
        """Find the newest that match.

        Raises:
            Refusal: 400, the question cannot be read; 503.
        """


@dataclass(frozen=True, slots=True)
class Searchable:
    """What the search page needs of the service."""

    search: Searcher
    identify: Callable[[str], Awaitable[str | None]]
    """The path of the story that an id of an event, a trace or a story leads to, or None."""
    is_empty: Callable[[], bool]
    """Whether nothing was ever stored."""


def search_page(
    pages: Pages,
    reader: Callable[..., Any],
    searchable: Searchable,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """The route of the search page, for whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader)], include_in_schema=False)

    @routes.get("/")
    async def search(request: Request, asked: Annotated[Asked, Depends(_asked)]) -> Response:
        if CORRELATION_ID.fullmatch(asked.text) and not asked.cursor:
            path = await searchable.identify(asked.text)
            if path is not None:
                return RedirectResponse(path, 303, page_headers())
        fault, answer, recent = "", None, Answer(())
        status = 200
        try:
            if asked.is_anything:
                answer = await searchable.search(asked, limit=PAGE_EVENTS, deadline_seconds=_DEADLINE_SECONDS)
            elif not searchable.is_empty():
                recent = await searchable.search(
                    _ERRORS, limit=_RECENT_ERRORS, deadline_seconds=_RECENT_SECONDS
                )
        except Refusal as refusal:
            if refusal.status != 400:
                raise
            fault, status = refusal.message, 400
        origin = str(request.base_url).rstrip("/")
        return await run_in_threadpool(
            pages.page,
            "search.html",
            here="search",
            status=status,
            asked=asked,
            ranges=RANGES,
            fault=fault,
            answer=answer,
            moments=[read(event) for event in answer.events] if answer else [],
            told=_told(answer, clock()) if answer else "",
            recent=recent,
            recent_told=_told(recent, clock()),
            kinds=kinds(read(event) for event in recent.events),
            is_empty=searchable.is_empty(),
            origin=origin,
            first_event=_first_event(origin, guarded=pages.guarded),
            now=clock(),
        )

    @routes.get("/index.json")
    async def twin(asked: Annotated[Asked, Depends(_asked)]) -> Response:
        return RedirectResponse(asked.json(), 307)

    return routes


_ERRORS: Final = Asked(text="level:>=error", age="24h")


def _asked(
    q: Annotated[str, Query(max_length=2000)] = "",
    where: Annotated[str, Query(max_length=2000)] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    begin: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
) -> Asked:
    return Asked(
        text=q.strip(),
        where=where.strip(),
        age=since.strip(),
        begin=begin.strip(),
        end=until.strip(),
        cursor=cursor,
    )


def _told(answer: Answer, now: datetime) -> str:
    """What was not looked at, and why."""
    if answer.partial is None:
        return ""
    looked = f"{count(answer.looked_at, 'event')} looked at"
    if answer.oldest is not None:
        looked += f", back to {ago(answer.oldest, now)}"
    why = {
        "deadline": f"the deadline of {number(_DEADLINE_SECONDS)} s was reached",
        "removed": "old events were removed meanwhile",
    }.get(answer.partial, answer.partial)
    return f"Not everything: {looked}; {why}."


def _first_event(origin: str, *, guarded: bool) -> str:
    token = " \\\n  -H 'Authorization: Bearer INGEST_TOKEN'" if guarded else ""
    event = '{"event":"hello.world","service":"shop","level":"info","correlation_id":"first"}'
    return f"curl {origin}/v1/events -H 'Content-Type: application/x-ndjson'{token} \\\n  -d '{event}'"
