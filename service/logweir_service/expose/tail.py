"""``GET /v1/tail``: events as they are stored, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Query as Parameter
from pydantic import BaseModel

from logweir_service.errors import Refusal
from logweir_service.find import BadQuery, Dropped, Followed, Found, Place, Query, read_place

from .hangup import ClosedStream
from .reader import Reader

EVENT_STREAM: Final = "text/event-stream"

ENDLESS: Final = "logweir.endless"
"""Key of a request's scope: its answer has no end, so that nobody has to wait for it."""

_QUIET_SECONDS: Final = 15.0
"""After so long something is sent, so that proxies keep the connection and dead clients are found out."""

_RETRY_MILLISECONDS: Final = 1000

Follow: TypeAlias = Callable[[Query, Place | None], AbstractAsyncContextManager[AsyncIterator[Followed]]]
"""What is new behind a place, or from now on, for as long as the context lasts."""


class Asked(BaseModel, extra="forbid"):
    """The parameters of a tail."""

    q: str = ""
    where: str = ""
    after: str = ""

    def query(self) -> Query:
        """What is asked for.

        Raises:
            Refusal: 400.
        """
        try:
            return Query(self.q, where=self.where)
        except BadQuery as fault:
            raise Refusal(400, "invalid_query", str(fault)) from None


def tail_route(follow: Follow, reader: Reader) -> APIRouter:
    """The route that shows what `follow` gives to whom `reader` lets pass."""
    routes = APIRouter()

    @routes.get("/v1/tail", dependencies=[Depends(reader.when_started)])
    async def tail(
        request: Request, asked: Annotated[Asked, Parameter()], last_event_id: Annotated[str, Header()] = ""
    ) -> Response:
        query, after = asked.query(), _place(last_event_id or asked.after)
        request.scope[ENDLESS] = True
        parts = _parts(follow, query, after)
        first = await anext(parts)
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        return ClosedStream(first, parts, media_type=EVENT_STREAM, headers=headers)

    return routes


def _place(text: str) -> Place | None:
    try:
        return read_place(text) if text else None
    except ValueError as fault:
        raise Refusal(400, "invalid_request", f"after: {fault}") from None


async def _parts(follow: Follow, query: Query, after: Place | None) -> AsyncGenerator[bytes, None]:
    """The stream: each of its events has the place that it stands for as its id."""
    loop = asyncio.get_running_loop()
    async with follow(query, after) as polls:
        yield b"retry: %d\n\n" % _RETRY_MILLISECONDS
        told = 0.0
        async for followed in polls:
            if followed.told:
                yield b"".join(map(_event, followed.told)) + _id(followed.place)
                told = loop.time()
            elif loop.time() - told >= _QUIET_SECONDS:
                yield b": nothing new\n" + _id(followed.place)
                told = loop.time()
        yield b'event: end\ndata: {"reason":"stopping"}\n\n'


def _event(each: Found | Dropped) -> bytes:
    if isinstance(each, Dropped):
        return b'event: dropped\ndata: {"count":%d}\n\n' % each.count
    line = each.line.replace(b"\r", b" ")  # between two members it is a space, within a text it is escaped
    return b"id: %s\ndata: %s\n\n" % (str(each.place).encode(), line)


def _id(place: Place) -> bytes:
    """Moves the place on where a client goes on from, and is no event."""
    return b"id: %s\n\n" % str(place).encode()
