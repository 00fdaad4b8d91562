"""``/c/{id}``: one story, its error first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool

from logweir_service.event import StoredEvent
from logweir_service.find import Row, Timeline, timeline, visible

from .marks import url
from .page import Pages
from .summary import summary_of
from .waterfall import Bar, Scale

ROWS: Final = 200
"""Rows of one page."""

_WHOLE: Final = 1000
"""Events of which one story is told."""

_PLACE: Final = re.compile(r"(\d{1,19})-(\d{1,9})")
_OPEN_BYTES: Final = 32_768
"""Longer events show their fields where they are asked for alone."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where else a story can be seen."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One row, as it is drawn."""

    row: Row
    bar: Bar
    is_open: bool
    is_whole: bool
    """Whether its fields are on the page."""


@dataclass(frozen=True, slots=True)
class Pager:
    """Where the story goes on."""

    told: str
    back: str | None
    on: str | None


def story_page(
    pages: Pages,
    reader: Callable[..., Any],
    *,
    stories: Callable[..., list[StoredEvent]],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """The route of a story's page, for whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader)], include_in_schema=False)

    @routes.get("/c/{identifier}")
    async def story(
        identifier: str,
        start: Annotated[int, Query(alias="from", ge=0, le=10**9)] = 0,
        shown: Annotated[str, Query(alias="open", max_length=40)] = "",
    ) -> Response:
        return await run_in_threadpool(show, identifier, start, shown)

    def show(identifier: str, start: int, shown: str) -> Response:
        found = stories(identifier, limit=_WHOLE + 1)
        if not found:
            return pages.page("story_unknown.html", status=404, identifier=identifier)
        told = timeline(found[:_WHOLE])
        scale = Scale(told)
        place = _place(shown)
        base = f"/c/{quote(identifier, safe='')}"
        if place is not None and not start:
            start = next((row.number // ROWS * ROWS for row in told.rows if row.place == place), 0)
        start = min(start, (len(told.rows) - 1) // ROWS * ROWS)
        return pages.page(
            "story.html",
            identifier=identifier,
            base=base,
            command=f"logweir grep {shlex.quote(visible(identifier))}",
            timeline=told,
            summary=summary_of(told),
            links=[],
            sentry=None,
            now=clock(),
            total=len(told.rows),
            more=len(found) > _WHOLE,
            partial=None,
            rows=[_shown(row, scale, place) for row in told.rows[start : start + ROWS]],
            ticks=scale.ticks(),
            folds=scale.folds(),
            pager=_pager(base, start, told),
        )

    return routes


def _shown(row: Row, scale: Scale, place: tuple[int, int] | None) -> Shown:
    is_open = row.place == place
    return Shown(row, scale.bar(row), is_open, is_open or len(row.stored.line) <= _OPEN_BYTES)


def _place(text: str) -> tuple[int, int] | None:
    match = _PLACE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _pager(base: str, start: int, told: Timeline) -> Pager | None:
    total = len(told.rows)
    if total <= ROWS and not start:
        return None
    end = min(start + ROWS, total)
    return Pager(
        told=f"{start + 1:,} to {end:,} of {total:,}",
        back=url(base, **{"from": str(start - ROWS)}) if start else None,
        on=url(base, **{"from": str(end)}) if end < total else None,
    )
