"""``/metrics-catalogue`` and its twins as JSON: which metrics there are, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from .catalogue import TYPES, Catalogue
from .pages import Pages
from .reader import Reader

_MAX_WORDS: Final = 200

Words = Annotated[str, Query(max_length=_MAX_WORDS)]
Kind = Annotated[str, Query(alias="type", pattern=rf"^({'|'.join(TYPES)})?$")]


def catalogue_routes(read: Callable[[], Catalogue], reader: Reader, pages: Pages) -> APIRouter:
    """The routes that show what `read` finds in force, to whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader.when_started)])

    @routes.get("/v1/metrics-catalogue")
    @routes.get("/metrics-catalogue.json", include_in_schema=False)
    async def data(q: Words = "", kind: Kind = "") -> Response:
        found = await asyncio.to_thread(lambda: read().only(q, kind))
        metrics = [asdict(each) for each in found.metrics]
        return JSONResponse({"count": len(metrics), "metrics": metrics, **_by_section(found)})

    @routes.get("/metrics-catalogue", include_in_schema=False)
    async def page(q: Words = "", kind: Kind = "") -> Response:
        everything = await asyncio.to_thread(read)
        return pages.page(
            "catalogue.html",
            here="metrics",
            found=everything.only(q, kind),
            total=len(everything.metrics),
            q=q,
            kind=kind,
            types=TYPES,
        )

    return routes


def _by_section(found: Catalogue) -> dict[str, list[dict[str, object]]]:
    told: dict[str, list[dict[str, object]]] = {"promote": [], "store": [], "scrub": []}
    for rule in found.rules:
        told[rule.section].append({"name": rule.name, "source": asdict(rule.source)})
    return told
