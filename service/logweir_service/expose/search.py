"""``GET /v1/search``: events that a query accepts, newest first, as JSON or, with progress, as NDJSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from logweir_service import find
from logweir_service.errors import JobFailed, Refusal
from logweir_service.event import rfc3339
from logweir_service.find import (
    MAX_EVENTS,
    MAX_SECONDS,
    BadQuery,
    Found,
    Looked,
    Search,
    read_place,
    read_time,
)

from .hangup import ClosedStream, unless_gone
from .reader import Reader

NDJSON = "application/x-ndjson"

RunSearch: TypeAlias = Callable[[Search], AbstractAsyncContextManager[AsyncIterator[Found | Looked]]]
"""Looks through the journal for as long as its context lasts."""


class Asked(BaseModel, extra="forbid"):
    """The parameters of a search; empty ones ask for nothing."""

    q: str = ""
    where: str = ""
    since: str = ""
    until: str = ""
    cursor: str = ""
    limit: int = Field(100, ge=1, le=MAX_EVENTS)
    deadline: float = Field(MAX_SECONDS, gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    progress: bool = False

    def read(self) -> Search:
        """What they ask for.

        Raises:
            Refusal: 400, one of them cannot be read.
        """
        try:
            find.Query(self.q, where=self.where)
        except BadQuery as fault:
            raise Refusal(400, "invalid_query", str(fault)) from None
        now = datetime.now(UTC)
        since = _read("since", self.since, lambda text: read_time(text, now=now))
        until = _read("until", self.until, lambda text: read_time(text, now=now))
        if since is not None and until is not None and since >= until:
            raise Refusal(400, "invalid_request", "since: is not before until")
        before = _read("cursor", self.cursor, read_place)
        return Search(self.q, self.where, since, until, before, self.limit, self.deadline)


def search_route(run: RunSearch, reader: Reader) -> APIRouter:
    """The route that shows what `run` finds to whom `reader` lets pass."""
    routes = APIRouter()

    @routes.get("/v1/search", dependencies=[Depends(reader.when_started)])
    async def search(
        request: Request, asked: Annotated[Asked, Query()], accept: Annotated[str, Header()] = ""
    ) -> Response:
        answer = _streamed if asked.progress or NDJSON in accept else _collected
        answered = await unless_gone(request, answer(run, asked.read()))
        return answered or Response(status_code=499)  # nobody is there to read it

    return routes


def _read(name: str, text: str, read: Callable[[str], Any]) -> Any:
    """A parameter, or None where it is empty."""
    try:
        return read(text) if text else None
    except ValueError as fault:
        raise Refusal(400, "invalid_request", f"{name}: {fault}") from None


async def _collected(run: RunSearch, asked: Search) -> Response:
    """All of it in one answer."""
    lines: list[bytes] = []
    looked: Looked | None = None
    try:
        async with run(asked) as found:
            async for each in found:
                if isinstance(each, Found):
                    lines.append(each.line)
                else:
                    looked = each
    except JobFailed:
        raise _failed() from None
    if looked is None:
        raise _failed()
    told = msgspec.json.encode(_told(looked, len(lines)))
    body = b'%s,"events":[%s]}\n' % (told[:-1], b",\n".join(lines))
    return Response(body, media_type="application/json")


async def _streamed(run: RunSearch, asked: Search) -> Response:
    """What is found as it is found, between lines that tell how far the search is, and its end."""
    lines = _lines(run, asked)
    try:
        first = await anext(lines)
    except BaseException:
        await lines.aclose()
        raise
    return ClosedStream(first, lines, media_type=NDJSON)


async def _lines(run: RunSearch, asked: Search) -> AsyncGenerator[bytes, None]:
    count, looked, failed = 0, None, False
    async with run(asked) as found:
        try:
            async for each in found:
                if isinstance(each, Found):
                    count += 1
                    yield each.line + b"\n"
                else:
                    looked = each
                    told = {**_looked_at(each), "share": round(each.share, 4)}
                    yield b'{"_progress":%s}\n' % msgspec.json.encode(told)
        except JobFailed:
            failed = True
    if looked is None:
        raise _failed()
    end = {**_told(looked, count), "partial": "failed" if failed else looked.partial}
    yield b'{"_end":%s}\n' % msgspec.json.encode(end)


def _told(looked: Looked, count: int) -> dict[str, Any]:
    place = None if looked.next is None else str(looked.next)
    return {"count": count, "next": place, "partial": looked.partial, **_looked_at(looked)}


def _looked_at(looked: Looked) -> dict[str, Any]:
    return {
        "scanned_events": looked.events,
        "scanned_bytes": looked.bytes,
        "oldest": None if looked.oldest is None else rfc3339(looked.oldest),
    }


def _failed() -> Refusal:
    message = "the search could not be done; the service's log says why"
    return Refusal(503, "search_failed", message, retry_after_seconds=5)
