"""``/c/{id}``: one story, its error first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from logweir.fields import CORRELATION_ID
from logweir_service.event import identity
from logweir_service.expose.story import Chapter, Find
from logweir_service.find import Row, Timeline, timeline, visible

from .headers import page_headers
from .marks import url
from .page import Pages
from .summary import summary_of
from .waterfall import Bar, Scale

ROWS: Final = 200
"""Rows of one page."""

_WHOLE: Final = 5000
"""Events of which one story is told: its error comes first wherever it stands among them."""

_WHY: Final = {
    "deadline": "the time was too short; reload the page",
    "removed": "some was removed while it was read; reload the page",
    "limit": f"these are the first {_WHOLE:,} events; logweir grep shows all",
}
"""Why events may be missing, in words."""

_GAP_SHARE: Final = 0.02
"""Of a long story; less is its usual pace."""

_PLACE: Final = re.compile(r"(\d{1,19})-(\d{1,9})")
_OPEN_BYTES: Final = 32_768
_ALL_BYTES: Final = 2_000_000
"""Longer events, and those behind so many bytes, show their fields where they are asked for alone."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row, as it is drawn."""

    row: Row
    bar: Bar
    is_open: bool
    is_whole: bool
    """Whether its fields are on the page."""
    follows_gap: bool


@dataclass(frozen=True, slots=True)
class Pager:
    """Where the story goes on."""

    told: str
    back: str | None
    back_name: str
    on: str | None


def story_page(
    pages: Pages,
    reader: Callable[..., Any],
    find: Find,
    *,
    journal: UUID,
    identify: Callable[[str], Awaitable[str | None]] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """The route of a story's page, for whom `reader` lets pass; its events are of `journal`.

    `identify` tells the path of the story that another id, such as a trace's, belongs to.
    """
    routes = APIRouter(dependencies=[Depends(reader)], include_in_schema=False)

    @routes.get("/c/{identifier}")
    async def story(
        identifier: str,
        start: Annotated[int, Query(alias="from", ge=0, le=10**9)] = 0,
        opened: Annotated[str, Query(alias="open", max_length=40)] = "",
        cursor: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        if not CORRELATION_ID.fullmatch(identifier):
            return unknown(identifier)
        chapter = await find(identifier, _WHOLE, cursor)
        if not chapter.events and cursor is None and chapter.partial is None:
            path = await identify(identifier) if identify else None
            return RedirectResponse(path, 303, page_headers()) if path else unknown(identifier)
        return await run_in_threadpool(show, identifier, chapter, start, _place(opened), cursor)

    def unknown(identifier: str) -> Response:
        return pages.page("story_unknown.html", status=404, identifier=identifier)

    def show(
        identifier: str, chapter: Chapter, start: int, opened: tuple[int, int] | None, cursor: str | None
    ) -> Response:
        told = timeline(chapter.events)
        scale, summary = Scale(told), summary_of(told)
        base = f"/c/{quote(identifier, safe='')}"
        if opened is not None and not start:
            start = next((row.number // ROWS * ROWS for row in told.rows if row.place == opened), 0)
        start = max(0, min(start, (len(told.rows) - 1) // ROWS * ROWS))
        return pages.page(
            "story.html",
            identifier=identifier,
            base=base,
            cursor=cursor,
            command=f"logweir grep {shlex.quote(visible(identifier))}",
            timeline=told,
            one_user=told.users[0] if len(told.users) == 1 else "",
            summary=summary,
            traces=[link for each in summary.trace_ids[:3] if (link := pages.links.to_trace(each))],
            sentry=_issue(pages, journal, told.first_error),
            took=scale.seconds,
            now=clock(),
            is_part=cursor is not None or chapter.next_cursor is not None,
            partial=_WHY.get(chapter.partial or "", chapter.partial),
            rows=_shown(told.rows[start : start + ROWS], scale, opened),
            is_at_end=start + ROWS >= len(told.rows),
            ticks=scale.ticks(),
            folds=scale.folds(),
            pager=_pager(base, start, told, cursor, chapter.next_cursor),
        )

    return routes


def _issue(pages: Pages, journal: UUID, error: Row | None) -> str | None:
    """Where Sentry shows the error, if an operator has said so; it knows it by its place in the journal."""
    if error is None:
        return None
    return pages.links.to_issue(identity(journal, error.stored.lsn, error.stored.index).hex)


def _shown(rows: Sequence[Row], scale: Scale, opened: tuple[int, int] | None) -> list[Shown]:
    shown, total = [], 0
    for row in rows:
        size = len(row.stored.line)
        is_open = row.place == opened
        is_whole = is_open or (size <= _OPEN_BYTES and total + size <= _ALL_BYTES)
        total += size if is_whole else 0
        follows_gap = row.gap_is_notable and row.gap_before >= scale.seconds * _GAP_SHARE
        shown.append(Shown(row, scale.bar(row), is_open, is_whole, follows_gap))
    return shown


def _place(text: str) -> tuple[int, int] | None:
    match = _PLACE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _pager(base: str, start: int, told: Timeline, cursor: str | None, following: str | None) -> Pager | None:
    total = len(told.rows)
    if total <= ROWS and not start and not cursor and not following:
        return None
    end = min(start + ROWS, total)
    here = {"cursor": cursor}
    back = url(base, **here, **{"from": str(start - ROWS)}) if start else None
    on = url(base, **here, **{"from": str(end)}) if end < total else None
    return Pager(
        told=f"{start + 1:,} to {end:,} of {total:,}{' and more' if following else ''}",
        back=back or (base if cursor else None),
        on=on or (url(base, cursor=following) if following else None),
        back_name="Earlier" if back else "From the begin",
    )
