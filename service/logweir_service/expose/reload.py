"""``POST /-/reload``: loads the rules anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from logweir_service.access import Tokens
from logweir_service.errors import Refusal, RulesError

from .reader import require_reader


def reload_route(
    reload: Callable[[], Awaitable[dict[str, Any]]], tokens: Tokens, *, starting: Callable[[], bool]
) -> APIRouter:
    """The route that lets bearers of one of `tokens` call `reload`, and answers what it returns.

    Rules that cannot be used are answered with 422 and all their problems.
    """
    routes = APIRouter()

    @routes.post("/-/reload")
    async def reloaded(authorization: Annotated[str | None, Header()] = None) -> Response:
        require_reader(tokens, authorization)
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
