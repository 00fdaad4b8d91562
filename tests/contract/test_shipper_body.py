"""The body that the shipper sends, byte for byte. The service has a test that accepts the same file.

After a change of the format on purpose: ``python -m tests.contract.test_shipper_body`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from logweir.backlog import Backlog
from logweir.delivery import Delivery
from logweir.encode import Encoder
from logweir.notices import Notices
from logweir.post import Answer
from logweir.source import Chunk
from logweir.tally import Tally

GOLDEN = Path(__file__).with_name("shipper_body.ndjson")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STARTED_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
CONTEXT = {"correlation_id": TRACE, "parent_span_id": "00f067aa0ba902b7", "user_id": "48213"}

EVENTS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("order.placed", "info", {"order_total_eur": 59.9, "items": 3, "gift": False, "note": None}),
    ('Server started, ünïcode and "quotes"\nincluded', "info", {}),
    (
        "db.query",
        "debug",
        {"db_system_name": "sqlite", "db_operation_name": "SELECT", "duration_seconds": 0.0031},
    ),
    (
        "order.refused",
        "warning",
        {"password": "hunter2", "nested": {"api_key": "k", "list": [1, {"token": "t"}]}},
    ),
    ("odd.values", "info", {"big": 2**70, "lone": "\ud800", "nan": float("nan"), "long": "x" * 20_000}),
    (
        "http.request",
        "error",
        {
            "http_request_method": "GET",
            "http_route": "/orders/{order_id}",
            "url_path": "/orders/17",
            "http_response_status_code": 500,
            "duration_seconds": 0.25,
            "outcome": "failure",
            "span_id": "53995c3f42cd8ad8",
            "error_type": "ZeroDivisionError",
            "error_id": "0af7651916cd43dd8448eb211c80319c",
            "exception": [
                {
                    "type": "ZeroDivisionError",
                    "module": "builtins",
                    "value": "division by zero",
                    "frames": [
                        {
                            "filename": "shop/orders.py",
                            "function": "price",
                            "lineno": 12,
                            "module": "shop.orders",
                            "in_app": True,
                            "context_line": "return total / count",
                        }
                    ],
                    "handled": False,
                }
            ],
        },
    ),
]


def body() -> bytes:
    """What is posted for `EVENTS`, then 20 dropped ones, one more event, and the stream's end."""
    ticks = count(STARTED_NS, 1_500_000)
    encoder = Encoder(
        {
            "service": "shop",
            "environment": "test",
            "service_version": "1.2.3",
            "server_name": "host-1",
            "service_instance_id": "host-1:7",
        },
        clock_ns=ticks.__next__,
    )
    posted: list[bytes] = []

    def post(body: bytes, *, stream: str, seq: int, compress: bool, timeout_seconds: float | None) -> Answer:
        posted.append(body)
        return Answer(200, next_seq=seq)

    tally = Tally()
    backlog = Backlog(max_bytes=1 << 20, tally=tally, wake=lambda: None)
    for event, level, fields in EVENTS:
        backlog.put(encoder.encode(event, level, dict(fields), CONTEXT), level)
    backlog._lost = 20
    backlog.put(encoder.encode("order.shipped", "info", {}, {}), "info")
    backlog.close_stream()
    delivery = Delivery(backlog, post, tally=tally, notices=Notices())
    while not backlog.is_empty():
        delivery.step()
    return b"".join(posted)


def test_the_shipper_sends_exactly_the_golden_body() -> None:
    assert body() == GOLDEN.read_bytes()


def test_every_line_but_the_control_lines_is_an_event_with_its_required_fields() -> None:
    lines = [orjson.loads(line) for line in GOLDEN.read_bytes().splitlines()]
    events = [line for line in lines if "_lost" not in line and "_closed" not in line]
    assert all({"event", "service", "level", "timestamp"} <= event.keys() for event in events)
    assert len(lines) - len(events) == 2
    assert Chunk.closed().data == GOLDEN.read_bytes().splitlines(keepends=True)[-1]


if __name__ == "__main__":
    GOLDEN.write_bytes(body())
