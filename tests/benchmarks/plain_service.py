"""What a team writes by hand: FastAPI, a pydantic model per event, prometheus_client, one file. No fsync.

It stands beside Logweir in ``make bench``. It has no authentication and no deduplication, and it forgets its
counters.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import BaseModel, ConfigDict

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class PlainEvent(BaseModel):
    """One event as a hand-written service declares it."""

    model_config = ConfigDict(extra="allow")

    event: str
    service: str
    level: Literal["debug", "info", "warning", "error", "critical"]
    timestamp: datetime
    environment: str = "unknown"
    correlation_id: str | None = None
    duration_seconds: float | None = None
    http_request_method: str | None = None
    http_route: str | None = None
    http_response_status_code: int | None = None
    db_operation_name: str | None = None
    db_collection_name: str | None = None
    cache_name: str | None = None
    cache_operation: str | None = None
    cache_result: str | None = None
    error_type: str | None = None


class PlainMetrics:
    """The same six families that Logweir's packs derive from these events."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        base = ("service", "environment")
        self.requests = Counter(
            "http_requests", "r", (*base, "method", "endpoint", "status"), registry=registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "s",
            (*base, "method", "endpoint"),
            buckets=SECONDS,
            registry=registry,
        )
        self.queries = Counter("db_queries", "q", (*base, "query_type", "table"), registry=registry)
        self.query_seconds = Histogram(
            "db_query_duration_seconds", "s", (*base, "query_type"), buckets=SECONDS, registry=registry
        )
        self.cache = Counter(
            "cache_operations", "c", (*base, "cache", "operation", "result"), registry=registry
        )
        self.errors = Counter("errors", "e", (*base, "error_type"), registry=registry)

    def take(self, event: PlainEvent) -> None:
        """Count one event."""
        base = (event.service, event.environment)
        duration = event.duration_seconds or 0.0
        if event.event == "http.request":
            method, route = event.http_request_method, event.http_route
            self.requests.labels(*base, method, route, event.http_response_status_code).inc()
            self.seconds.labels(*base, method, route).observe(duration)
        elif event.event == "db.query":
            self.queries.labels(*base, event.db_operation_name, event.db_collection_name).inc()
            self.query_seconds.labels(*base, event.db_operation_name).observe(duration)
        elif event.event == "cache.operation":
            self.cache.labels(*base, event.cache_name, event.cache_operation, event.cache_result).inc()
        if event.level in ("error", "critical"):
            self.errors.labels(*base, event.error_type).inc()


def build(path: Path) -> FastAPI:
    """The service, which appends to `path`."""
    app = FastAPI()
    metrics = PlainMetrics()
    file = path.open("ab", buffering=0)

    @app.post("/v1/events")
    async def take(events: list[PlainEvent]) -> dict[str, Any]:
        file.write(b"".join(event.model_dump_json(exclude_unset=True).encode() + b"\n" for event in events))
        for event in events:
            metrics.take(event)
        return {"accepted": len(events)}

    return app


if __name__ == "__main__":
    uvicorn.run(
        build(Path(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
