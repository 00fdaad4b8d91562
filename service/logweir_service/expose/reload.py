"""``POST /-/reload``: loads the rules anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from logweir_service.errors import Refusal, RulesError

from .reader import Reader


def reload_route(
    reload: Callable[[], Awaitable[dict[str, Any]]], reader: Reader, *, starting: Callable[[], bool]
) -> APIRouter:
    """The route that lets who shows `reader` a token call `reload`, and answers what it returns.

    Rules that cannot be used are answered with 422 and all their problems.
    """
    routes = APIRouter()

    @routes.post("/-/reload", dependencies=[Depends(reader.by_token)])
    async def reloaded() -> Response:
        if starting():
            message = "the journal is being read; try again soon"
            raise Refusal(503, "starting", message, retry_after_seconds=3)
        try:
            return JSONResponse({"status": "reloaded", **await reload()})
        except RulesError as fault:
            message = "the rules cannot be used, and stay as they were"
            body = {"error": "invalid_rules", "message": message, "problems": fault.problems}
            return JSONResponse(body, 422)

    return routes
