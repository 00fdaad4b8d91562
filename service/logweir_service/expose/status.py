"""``GET /v1/status``: where the service stands, as JSON; also while it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, Response

from .reader import Reader


def status_route(read: Callable[[], Awaitable[bytes]], reader: Reader) -> APIRouter:
    """The route that answers what `read` tells, to whom `reader` lets pass."""
    routes = APIRouter()

    @routes.get("/v1/status", dependencies=[Depends(reader)])
    async def status() -> Response:
        return Response(await read(), media_type="application/json")

    return routes
