"""``/``: search, and what went wrong lately."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response

from .page import Pages


def search_page(pages: Pages, reader: Callable[..., Any]) -> APIRouter:
    """The route of the search page, for whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader)], include_in_schema=False)

    @routes.get("/")
    async def search() -> Response:
        return pages.page("search.html", here="search")

    return routes
