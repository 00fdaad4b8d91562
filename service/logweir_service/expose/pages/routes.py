"""The pages that show events, composed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter

from logweir_service.expose.search import RunSearch
from logweir_service.expose.story import Find

from .page import Pages
from .search import Searchable, search_page
from .searcher import searcher
from .story import story_page
from .tail import tail_page


def page_routes(
    pages: Pages,
    reader: Callable[..., Any],
    *,
    run: RunSearch,
    find: Find,
    journal: UUID,
    last_lsn: Callable[[], int],
) -> APIRouter:
    """Search, stories and the tail of `journal`, for whom `reader` lets pass."""

    async def identify(text: str) -> str | None:
        chapter = await find(text, 1, None)
        return f"/c/{quote(text, safe='')}" if chapter.events else None

    routes = APIRouter()
    search = searcher(run)
    searchable = Searchable(search, identify, is_empty=lambda: not last_lsn())
    routes.include_router(search_page(pages, reader, searchable))
    routes.include_router(story_page(pages, reader, find, journal=journal))
    routes.include_router(tail_page(pages, reader, search))
    return routes
