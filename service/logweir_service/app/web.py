"""The service's face to HTTP."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from logweir_service.access import ingest_tokens, read_tokens
from logweir_service.expose import (
    Cataloguer,
    Readable,
    Reader,
    catalogue_routes,
    chapters,
    events_route,
    login_routes,
    reading_routes,
    refuse_alike,
    reload_route,
    search_route,
    status_routes,
    story_routes,
    tail_route,
)
from logweir_service.expose.catalogue import Catalogue
from logweir_service.expose.links import Links
from logweir_service.expose.pages import Pages, page_routes, static_route
from logweir_service.expose.safe_headers import SafeHeaders
from logweir_service.ingest import IngestDoor

from .composition import Service
from .reloading import Reload
from .telling import tell


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
        ready=service.why_not_ready,
        limits=pipeline.limits,
        metrics_enabled=settings.metrics_enabled,
    )
    reader = Reader(read_tokens(settings.read_tokens), starting=lambda: pipeline.resumed is None)
    pages = Pages(
        version=app.version,
        guarded=bool(reader.tokens),
        links=Links(settings.sentry_issue_url, settings.trace_url),
    )
    app.include_router(login_routes(reader, pages))
    app.include_router(events_route(service.looking, reader))
    app.include_router(search_route(service.searching, reader))
    app.include_router(tail_route(service.tails.follow, reader))
    app.include_router(reading_routes(readable, reader))
    app.include_router(status_routes(partial(tell, service), reader, pages))
    cataloguer = Cataloguer(prefix=settings.metric_prefix)

    def in_force() -> Catalogue:
        return cataloguer(pipeline.numbers.rules, pipeline.numbers.derivation.series_by_metric)

    app.include_router(catalogue_routes(in_force, reader, pages))
    if settings.reload_endpoint:
        again = partial(_reload, reload or Reload(service))
        app.include_router(reload_route(again, reader, starting=lambda: pipeline.resumed is None))
    app.include_router(static_route(pages.static))
    find = chapters(service.looking)
    app.include_router(story_routes(reader.when_started, find))
    app.include_router(
        page_routes(
            pages,
            reader.when_started,
            run=service.searching,
            find=find,
            look_up=service.looking,
            journal=pipeline.journal.identifier,
            last_lsn=lambda: pipeline.journal.last_lsn,
        )
    )
    refuse_alike(app, pages)
    app.add_middleware(SafeHeaders)
    return app


async def _reload(reload: Reload) -> dict[str, Any]:
    return asdict(await reload())
