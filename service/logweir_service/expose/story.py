"""``/c/{id}.json`` and ``/c/{id}.ndjson``: one story for programs, told and as it is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.concurrency import run_in_threadpool

from logweir.fields import MAX_CORRELATION_ID
from logweir_service.errors import Refusal
from logweir_service.event import StoredEvent
from logweir_service.find import MAX_EVENTS, Asked, Page, read_story_place, story_as_json, timeline

Id = Annotated[str, Path(max_length=MAX_CORRELATION_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_EVENTS)]
Cursor = Annotated[str | None, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Events of a story, in the order in which they happened."""

    events: Sequence[StoredEvent]
    next_cursor: str | None = None
    """What to ask for the following ones with, if there are more."""
    partial: str | None = None
    """Why events may be missing, or None."""


Find = Callable[[str, int, str | None], Awaitable[Chapter]]
"""``find(id, limit, cursor)`` gives the events of exactly this id."""


def story_routes(reader: Callable[..., Any], find: Find) -> APIRouter:
    """The routes of a story's data, for whom `reader` lets pass.

    They answer 404 where nothing is stored under the id.
    """
    routes = APIRouter(dependencies=[Depends(reader)])

    async def found(identifier: str, limit: int, cursor: str | None) -> Chapter:
        chapter = await find(identifier, limit, cursor)
        if not chapter.events and cursor is None and chapter.partial is None:
            raise Refusal(404, "not_found", "nothing is stored under this id")
        return chapter

    @routes.get("/c/{identifier}.json")
    async def told(
        identifier: Id,
        limit: Limit = MAX_EVENTS,
        cursor: Cursor = None,
    ) -> Response:
        chapter = await found(identifier, limit, cursor)
        return Response(await run_in_threadpool(_told, identifier, chapter), media_type="application/json")

    @routes.get("/c/{identifier}.ndjson")
    async def stored(
        identifier: Id,
        limit: Limit = MAX_EVENTS,
        cursor: Cursor = None,
    ) -> Response:
        chapter = await found(identifier, limit, cursor)
        headers = {"Logweir-Next": chapter.next_cursor} if chapter.next_cursor else {}
        if chapter.partial:
            headers["Logweir-Partial"] = chapter.partial
        body = b"".join(event.line + b"\n" for event in chapter.events)
        return Response(body, media_type="application/x-ndjson", headers=headers)

    return routes


def chapters(look_up: Callable[[Asked], Coroutine[Any, Any, Page]]) -> Find:
    """Finds the events of a correlation id by look-ups."""

    async def find(identifier: str, limit: int, cursor: str | None) -> Chapter:
        try:
            after = None if cursor is None else read_story_place(cursor)
        except ValueError as fault:
            raise Refusal(400, "invalid_request", f"cursor: {fault}") from None
        page = await look_up(Asked(identifier, limit=limit, after=after))
        return Chapter(page.events, None if page.next is None else str(page.next), page.partial)

    return find


def _told(identifier: str, chapter: Chapter) -> bytes:
    story = timeline(chapter.events)
    return story_as_json(identifier, story, next_cursor=chapter.next_cursor, partial=chapter.partial)
