"""``GET /v1/status``: where the service stands, as JSON; also while it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Response

from logweir_service.access import Tokens

from .reader import require_reader


def status_route(read: Callable[[], Awaitable[bytes]], tokens: Tokens) -> APIRouter:
    """The route that answers what `read` tells, to bearers of one of `tokens`."""
    routes = APIRouter()

    @routes.get("/v1/status")
    async def status(authorization: Annotated[str | None, Header()] = None) -> Response:
        require_reader(tokens, authorization)
        return Response(await read(), media_type="application/json")

    return routes
