"""The reading side of the service, behind the read tokens; health and limits need none."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException

from logweir_service.errors import Refusal
from logweir_service.limits import Limits

from .pages import Pages, trouble_page, wants_page
from .reader import LoginWanted, Reader

OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_TYPE = f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LOOKING = ["GET", "HEAD"]
"""Load balancers often ask for the head alone."""

MAX_EVENTS = 1000
"""Events of one answer."""


@dataclass(frozen=True, slots=True)
class Readable:
    """What the routes show, handed in by the application."""

    page: Callable[..., Awaitable[Sequence[bytes]]]
    """``page(openmetrics=..., gzip=...)`` is all metrics as they are between two batches, in parts."""
    ready: Callable[[], str | None]
    """Why the service takes no events now, or None where it does."""
    limits: Limits
    metrics_enabled: bool = True


def reading_routes(readable: Readable, reader: Reader) -> APIRouter:
    """The routes that show `readable` to whom `reader` lets pass."""
    routes = APIRouter()
    only_readers = [Depends(reader.when_started)]

    @routes.get("/metrics", dependencies=only_readers)
    async def metrics(
        accept: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        if not readable.metrics_enabled:
            raise Refusal(404, "metrics_off", "metrics are switched off by ENABLE_METRICS=false")
        openmetrics, gzip = OPENMETRICS in accept, takes_gzip(accept_encoding)
        parts = await readable.page(openmetrics=openmetrics, gzip=gzip)
        headers = {"Vary": "Accept, Accept-Encoding", "Content-Length": str(sum(map(len, parts)))}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        media_type = OPENMETRICS_TYPE if openmetrics else TEXT_TYPE
        return StreamingResponse(_each(parts), media_type=media_type, headers=headers)

    @routes.get("/v1/limits")
    async def limits() -> dict[str, int]:
        return asdict(readable.limits)

    @routes.api_route("/-/healthy", methods=_LOOKING, include_in_schema=False)
    @routes.api_route("/health", methods=_LOOKING)
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @routes.api_route("/-/ready", methods=_LOOKING, include_in_schema=False)
    @routes.api_route("/ready", methods=_LOOKING)
    async def ready(response: Response) -> dict[str, str]:
        reason = readable.ready()
        if reason is None:
            return {"status": "ready"}
        response.status_code = 503
        return {"status": "not_ready", "message": reason}

    return routes


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client asks for gzip: names it, and not with a weight of 0."""
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.replace(" ", "").replace("\t", "") for part in coding.split(";"))
        if name in ("gzip", "x-gzip"):
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


async def _each(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def refuse_alike(app: FastAPI, pages: Pages | None = None) -> None:
    """Let every refusal read ``{"error":code,"message":...}``, and to people as one of `pages`."""

    def refusal_of(
        request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        if pages is None or not wants_page(request):
            return JSONResponse({"error": code, "message": message}, status, headers)
        page = trouble_page(pages, status, message)
        page.headers.update(headers or {})
        return page

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
        if (seconds := refusal.retry_after()) is not None:
            headers["Retry-After"] = str(seconds)
        return refusal_of(request, refusal.status, refusal.code, refusal.message, headers)

    @app.exception_handler(LoginWanted)
    async def asked_to_log_in(_: Request, wanted: LoginWanted) -> Response:
        headers = {"Cache-Control": "no-store", "Vary": "Accept, Cookie"}
        return RedirectResponse(wanted.location, 303, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        return refusal_of(request, 400, "invalid_request", faults)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        return refusal_of(request, error.status_code, code, error.detail, error.headers)
