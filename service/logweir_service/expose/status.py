"""``/status`` and its twins as JSON: where the service stands, also while it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Depends, Response

from .pages import Pages
from .pages.marks import duration, size
from .plots import Plot, plot
from .reader import Reader


class Line(Protocol):
    """One thing that is told in words."""

    @property
    def name(self) -> str:
        """What it is about."""

    @property
    def text(self) -> str:
        """What is told of it."""

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look."""


class Told(Protocol):
    """A status in the forms in which it is shown."""

    @property
    def status(self) -> Any:
        """Its parts, for the template."""

    def json(self) -> bytes:
        """All of it."""

    def lines(self) -> Sequence[Line]:
        """Its sum in words; what has trouble comes first."""


def status_routes(read: Callable[[], Awaitable[Told]], reader: Reader, pages: Pages) -> APIRouter:
    """The routes that show what `read` tells, to whom `reader` lets pass."""
    routes = APIRouter(dependencies=[Depends(reader)])

    @routes.get("/v1/status")
    @routes.get("/status.json", include_in_schema=False)
    async def status() -> Response:
        return Response((await read()).json(), media_type="application/json")

    @routes.get("/status", include_in_schema=False)
    async def page() -> Response:
        told = await read()
        plots = plots_of(told.status.trends)
        return pages.page("status.html", here="status", found=told.status, lines=told.lines(), plots=plots)

    return routes


def plots_of(trends: Any | None) -> list[Plot]:
    """The last hour as plots; none where nothing is known."""
    if trends is None or not trends.until:
        return []

    def of(title: str, values: Any, told: Callable[[float], str], **more: Any) -> Plot:
        return plot(title, values, until=trends.until, every_seconds=trends.every_seconds, told=told, **more)

    return [
        of("Events per second", trends.events, rate),
        of("Errors per second", trends.errors, rate),
        of("Refused per second", trends.rejects, rate),
        of("Received per second", trends.bytes, size),
        of("Slowest 1 % of commits", trends.commit_p99_seconds, duration, fold=max),
    ]


def rate(value: float) -> str:
    """Something each second, as exact as it is seen."""
    if value and value < 9.95:
        return f"{value:.2g}" if value < 1 else f"{value:.1f}"
    return f"{value:,.0f}"
