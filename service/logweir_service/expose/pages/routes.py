"""The pages that show events, composed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from logweir_service.expose.events import LookUp
from logweir_service.expose.search import RunSearch
from logweir_service.expose.story import Find

from .identify import identifier
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
    look_up: LookUp,
    journal: UUID,
    last_lsn: Callable[[], int],
) -> APIRouter:
    """Search, stories and the tail of `journal`, for whom `reader` lets pass."""

    routes = APIRouter()
    search = searcher(run)
    identify = identifier(look_up)
    searchable = Searchable(search, identify, is_empty=lambda: not last_lsn())
    routes.include_router(search_page(pages, reader, searchable))
    routes.include_router(story_page(pages, reader, find, journal=journal, identify=identify))
    routes.include_router(tail_page(pages, reader, search, last_lsn=last_lsn))
    return routes
