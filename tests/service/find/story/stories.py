"""Stories for tests: events of two services, by when they end and what they are inside of."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

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


BANK = {"type": "TimeoutError", "value": "the bank did not answer within 2 s", "relation": "cause"}
EXAMPLE = [
    span(0, 2.317, "q", name="http.request", level="warning", http_request_method="POST")
    | {"http_route": "/checkout", "http_response_status_code": 502, "user_id": "u-7"},
    event(0.004, "cart.loaded", parent_span_id="q", items=1, user_id="u-7"),
    span(0.006, 2.312, "call", "q", name="external.call", peer_service="payments", span_kind="client"),
    span(5.008, 7.311, "charge", "call", "payments", name="http.request", level="error", span_kind="server")
    | {"http_request_method": "POST", "http_route": "/charges", "http_response_status_code": 500}
    | {"error_type": "ChargeFailed", "exception": [*raising("ChargeFailed", "order 23 may be paid"), BANK]},
    span(5.012, 5.051, "sql", "charge", "payments", name="db.query", db_operation_name="SELECT")
    | {"db_collection_name": "limits"},
    event(7.309, "bank.asked", "payments", parent_span_id="charge", order_id=23),
    event(2.315, "payment.failed", level="error", parent_span_id="q", error_type="PaymentFailed"),
]
"""The story that docs/stories.md shows: the clock of payments is 5 s ahead, and the bank takes 2 s."""

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
known_keys = st.sampled_from(
    "timestamp level event service correlation_id duration_seconds span_id parent_span_id span_kind "
    "exception exception_text profile user_id message http_request_method frames".split()
)
moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)

odd_events = st.dictionaries(known_keys, anything | moments, max_size=12).map(
    lambda odd: json.dumps(odd).encode()
)
"""Lines of events with known fields that hold anything."""
