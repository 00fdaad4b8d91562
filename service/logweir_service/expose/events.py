"""``GET /v1/events``: the events of one id, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from logweir_service import find
from logweir_service.errors import Refusal
from logweir_service.find import ID_KINDS, MAX_EVENTS, Page, microseconds, read_story_place, read_time

from .hangup import unless_gone
from .reader import Reader

LookUp = Callable[[find.Asked], Coroutine[Any, Any, Page]]
"""Finds the page that is asked for."""

_Id = Annotated[str, Field(max_length=find.MAX_ID)]


class Asked(BaseModel, extra="forbid"):
    """The parameters of a look-up: one id, and bounds; empty ones ask for nothing."""

    correlation_id: _Id = ""
    trace_id: _Id = ""
    event_id: _Id = ""
    user_id: _Id = ""
    since: str = ""
    until: str = ""
    cursor: str = Field("", max_length=64)
    limit: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS)

    def read(self) -> find.Asked:
        """What they ask for.

        Raises:
            Refusal: 400, one of them cannot be read.
        """
        ids = [(kind, getattr(self, kind)) for kind in ID_KINDS if getattr(self, kind)]
        if len(ids) != 1:
            raise Refusal(400, "invalid_request", f"one id is needed: {', '.join(ID_KINDS)}")
        [(kind, value)] = ids
        since, until = _moment("since", self.since), _moment("until", self.until)
        after = _read("cursor", self.cursor, read_story_place)
        return find.Asked(value, kind, since, until, self.limit, after)


def events_route(look_up: LookUp, reader: Reader) -> APIRouter:
    """The route that shows what `look_up` finds to whom `reader` lets pass."""
    routes = APIRouter()

    @routes.get("/v1/events", dependencies=[Depends(reader.when_started)])
    async def events(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        page = await unless_gone(request, look_up(asked.read()))
        if page is None:
            return Response(status_code=499)  # nobody is there to read it
        told = msgspec.json.encode(
            {
                "count": len(page.events),
                "truncated": page.next is not None or page.partial is not None,
                "next": None if page.next is None else str(page.next),
                "partial": page.partial,
            }
        )
        lines = b",\n".join(event.line for event in page.events)
        return Response(b'%s,"events":[%s]}\n' % (told[:-1], lines), media_type="application/json")

    return routes


def _moment(name: str, text: str) -> int | None:
    moment = _read(name, text, lambda told: read_time(told, now=datetime.now(UTC)))
    return None if moment is None else microseconds(moment)


def _read(name: str, text: str, read: Callable[[str], Any]) -> Any:
    """A parameter, or None where it is empty."""
    try:
        return read(text) if text else None
    except ValueError as fault:
        raise Refusal(400, "invalid_request", f"{name}: {fault}") from None
