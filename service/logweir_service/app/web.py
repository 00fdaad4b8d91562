"""The service's face to HTTP."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import FastAPI, Header
from starlette.routing import Route

from logweir_service.access import ingest_tokens, read_tokens
from logweir_service.errors import OperatorError, Refusal
from logweir_service.expose import Readable, reading_routes, refuse_alike, reload_route, status_route
from logweir_service.expose.pages import Pages, search_page, static_route, story_page
from logweir_service.expose.reader import require_reader
from logweir_service.ingest import IngestDoor
from logweir_service.status import encode_status
from logweir_service.status.live import status_of_service

from .composition import Service
from .reloading import Reload


def http(service: Service, reload: Reload | None = None) -> FastAPI:
    """The service's HTTP application; `reload` is that of its signals too, where there are any."""
    settings, pipeline = service.settings, service.pipeline
    app = FastAPI(
        title="Logweir", version=version("logweir"), docs_url=None, redoc_url=None, openapi_url=None
    )
    door = IngestDoor(pipeline, ingest_tokens(settings.ingest_tokens), pipeline.limits, service.refusals)
    app.router.routes.append(Route("/v1/events", door, methods=["POST"]))
    readable = Readable(
        page=pipeline.scrapes.page,
        stories=service.stories,
        ready=service.why_not_ready,
        starting=lambda: pipeline.resumed is None,
        limits=pipeline.limits,
        metrics_enabled=settings.metrics_enabled,
    )
    readers = read_tokens(settings.read_tokens)
    app.include_router(reading_routes(readable, readers))
    app.include_router(status_route(partial(_status, service), readers))
    if settings.reload_endpoint:
        again = partial(_reload, reload or Reload(service))
        app.include_router(reload_route(again, readers, starting=readable.starting))

    def reader(authorization: Annotated[str | None, Header()] = None) -> None:
        require_reader(readers, authorization)

    pages = Pages(version=app.version)
    app.include_router(static_route(pages.static))
    app.include_router(search_page(pages, reader))
    app.include_router(story_page(pages, reader, stories=service.stories))
    refuse_alike(app, pages)
    return app


async def _reload(reload: Reload) -> dict[str, Any]:
    return asdict(await reload())


async def _status(service: Service) -> bytes:
    try:
        told = await status_of_service(
            service.pipeline, service.promotion, sentry=service.sentry, why_not_ready=service.why_not_ready()
        )
    except (OSError, OperatorError) as fault:
        message = f"the data folder cannot be read: {fault}"
        raise Refusal(503, "storage_error", message, retry_after_seconds=5) from None
    return encode_status(told)
