"""A service without HTTP, started and stopped in this process, or left as a kill would leave it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from logweir_service.app import compose, running
from logweir_service.disk import Disk
from logweir_service.pipeline import Pipeline
from logweir_service.settings import Settings

Result = TypeVar("Result")
Use = Callable[[Pipeline], Awaitable[Result]]

STREAM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def line(**fields: Any) -> bytes:
    """One event as NDJSON."""
    event = {
        "event": "a.b",
        "service": "shop",
        "level": "info",
        "timestamp": "2026-09-21T14:13:20Z",
        **fields,
    }
    return json.dumps(event).encode() + b"\n"


def request(**fields: Any) -> bytes:
    """An event that the shipped rules count."""
    known = {"http_route": "/", "http_request_method": "GET", "http_response_status_code": 200}
    return line(event="http.request", **known, **fields)


def living(settings: Settings, use: Use[Result], *, disk: Disk | None = None, reset: bool = False) -> Result:
    """Start a service on its folder, use its pipeline, and stop it cleanly."""

    async def run() -> Result:
        service = compose(settings, disk=disk, reset_counters=reset)
        async with running(service):
            return await use(service.pipeline)

    return asyncio.run(run())


def killed(settings: Settings, use: Use[Result], *, reset: bool = False) -> Result:
    """Like `living`, but afterwards the folder is as it was at the end of `use`: nothing came behind it."""
    left = settings.data.with_name("left")

    async def use_and_copy(pipeline: Pipeline) -> Result:
        result = await use(pipeline)
        shutil.copytree(settings.data, left)
        return result

    result = living(settings, use_and_copy, reset=reset)
    shutil.rmtree(settings.data)
    left.rename(settings.data)
    return result


def page(pipeline: Pipeline, *, openmetrics: bool = False) -> bytes:
    """What a scrape shows now, without waiting for anybody."""
    steps = pipeline.look(openmetrics=openmetrics)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return b"".join(end.value)


def exposed(pipeline: Pipeline, prefix: str = "http_requests_total") -> dict[str, float]:
    """The samples of one metric of a scrape, by name and labels."""
    text = page(pipeline).decode()
    samples = (each.rpartition(" ") for each in text.splitlines() if each.startswith(prefix))
    return {name: float(value) for name, _, value in samples}


def created(pipeline: Pipeline, prefix: str = "http_requests_created") -> list[float]:
    """When the series of a counter began, as OpenMetrics tells."""
    text = page(pipeline, openmetrics=True).decode()
    return [float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(prefix)]


async def settled(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    for _ in range(int(seconds / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be so")


def sealed_paths(folder: Path) -> list[Path]:
    """The segments of a data folder but for the last, oldest first."""
    return sorted((folder / "journal").glob("*.ndjson"))[:-1]


def checkpoint(pipeline: Pipeline) -> None:
    """Save the state as it is now."""
    pipeline.saving.now(pipeline.numbers)


def spoil(path: Path) -> None:
    """Let an event of a segment read as another of the same length."""
    content = path.read_bytes()
    assert b'"http.request"' in content
    path.write_bytes(content.replace(b'"http.request"', b'"http.rebuest"', 1))
