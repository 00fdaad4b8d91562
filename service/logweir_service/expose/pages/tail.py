"""``/tail``: events as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from logweir_service.errors import Refusal
from logweir_service.find.story.moment import read

from .asked import Asked
from .page import Pages
from .search import Answer, Searcher

_EVENTS: Final = 50
"""That are there when the page is opened; without JavaScript they are all."""

_SECONDS: Final = 2.0

_AGE: Final = "1h"
"""How far back the newest events are looked for."""

_ITS_LAST: Final = 10**9 - 1
"""Stands for the last event of a commit."""


def tail_page(
    pages: Pages, reader: Callable[..., Any], search: Searcher, *, last_lsn: Callable[[], int]
) -> APIRouter:
    """The route of the live tail, for whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader)], include_in_schema=False)

    @routes.get("/tail")
    async def tail(
        q: Annotated[str, Query(max_length=2000)] = "",
        where: Annotated[str, Query(max_length=2000)] = "",
    ) -> Response:
        asked = Asked(text=q.strip(), where=where.strip(), age=_AGE)
        fault, answer, status = "", Answer(()), 200
        after = f"{last_lsn()}:{_ITS_LAST}"
        try:
            answer = await search(asked, limit=_EVENTS, deadline_seconds=_SECONDS)
        except Refusal as refusal:
            if refusal.status == 400:
                fault, status = refusal.message, 400
        return await run_in_threadpool(
            pages.page,
            "tail.html",
            here="tail",
            status=status,
            asked=asked,
            fault=fault,
            after=after,
            moments=[read(event) for event in answer.events],
        )

    @routes.get("/tail.json")
    async def twin(
        q: Annotated[str, Query(max_length=2000)] = "",
        where: Annotated[str, Query(max_length=2000)] = "",
    ) -> Response:
        return RedirectResponse(Asked(text=q, where=where, age=_AGE).json(), 307)

    return routes
