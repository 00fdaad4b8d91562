"""Stories for tests: events of two services, by when they end and what they are inside of."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from logweir_service.event import StoredEvent

BEGIN = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


def event(
    at: float, name: str = "e", service: str = "shop", level: str = "info", **fields: Any
) -> dict[str, Any]:
    """An event that ends `at` seconds after the begin of all stories."""
    timestamp = f"{BEGIN + timedelta(seconds=at):%Y-%m-%dT%H:%M:%S.%fZ}"
    known = {"timestamp": timestamp, "level": level, "event": name, "service": service}
    return {**known, "correlation_id": "c1", **fields}


def span(
    start: float, end: float, span_id: str, parent: str | None = None, service: str = "shop", **fields: Any
) -> dict[str, Any]:
    """An event that took time, named after its span."""
    inside = {} if parent is None else {"parent_span_id": parent}
    name = fields.pop("name", span_id)
    return event(
        end, name, service, span_id=span_id, duration_seconds=round(end - start, 6), **inside, **fields
    )


def raising(kind: str = "ValueError", value: str = "bad") -> list[dict[str, Any]]:
    """The field `exception` of an event."""
    frame = {"filename": "app.py", "function": "f", "lineno": 3, "in_app": True, "context_line": "raise"}
    return [{"type": kind, "value": value, "frames": [frame]}]


def stored(*events: dict[str, Any] | bytes) -> list[StoredEvent]:
    """The events as a journal would hold them, one commit each."""
    lines = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in events]
    return [StoredEvent(lsn, 0, BEGIN.timestamp() + 60, line) for lsn, line in enumerate(lines, 1)]
