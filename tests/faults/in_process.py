"""A whole service in the test's own process, without HTTP, small enough to be started a hundred times."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from logweir_service import app
from logweir_service.app import composition
from logweir_service.disk import Disk
from logweir_service.journal import Journal
from logweir_service.pipeline import Pipeline
from logweir_service.settings import Settings
from tests.service.pipeline.living import page

from .stored import Stored, StoredEvents

RULES = """version: 1
metrics:
  - name: own_requests_total
    type: counter
    help: Requests.
    event: http.request
    labels: {service: service}
"""


def settings(folder: Path, *, checkpoint_seconds: float, retention_bytes: int) -> Settings:
    """With rules that compile at once."""
    rules = folder / "own.yaml"
    if not rules.exists():
        rules.write_text(RULES)
    values: dict[str, Any] = {"LOGWEIR_DATA": folder / "data", "LOGWEIR_RULES": str(rules)}
    few: dict[str, Any] = {
        "LOGWEIR_CHECKPOINT_SECONDS": checkpoint_seconds,
        "LOGWEIR_BALLAST_BYTES": 4096,
        "LOGWEIR_RETENTION_BYTES": retention_bytes,
    }
    return Settings(**values | few | {"LOGWEIR_MIN_FREE_BYTES": 0})


@asynccontextmanager
async def in_process(
    folder: Path,
    disk: Disk,
    *,
    max_segment_bytes: int = 1500,
    checkpoint_seconds: float = 1e-6,
    retention_bytes: int = 1 << 30,
) -> AsyncIterator[Pipeline]:
    """Recover, serve for as long as the context lasts, and stop in good order.

    Unless told otherwise, it saves its state and removes old segments after every group.
    """
    given = settings(folder, checkpoint_seconds=checkpoint_seconds, retention_bytes=retention_bytes)
    with patch.object(composition, "Journal", partial(Journal, max_segment_bytes=max_segment_bytes)):
        service = app.compose(given, disk=disk)
    service.pipeline.keeper._tidy_not_before = time.monotonic() + checkpoint_seconds
    async with app.running(service):
        yield service.pipeline


def requests_counted(pipeline: Pipeline) -> int:
    """What the one metric says, of all services together."""
    lines = page(pipeline).decode().splitlines()
    counted = [line.rpartition(" ")[2] for line in lines if line.startswith("own_requests_total{")]
    return int(sum(map(float, counted)))


def stored(folder: Path) -> Stored:
    """What the journal's files hold."""
    sealed, moving = StoredEvents(folder / "data" / "journal").read()
    sealed.add(moving)
    return sealed


def event(key: str, **fields: object) -> bytes:
    """A line that the metric counts."""
    members = {
        "event": "http.request",
        "service": key.partition(".")[0],
        "level": "info",
        "timestamp": "2026-09-21T14:13:20.000000Z",
        "correlation_id": key,
        "http_request_method": "GET",
        "http_route": "/",
        "http_response_status_code": 200,
        "duration_seconds": 0.25,
    }
    return json.dumps(members | fields).encode() + b"\n"
