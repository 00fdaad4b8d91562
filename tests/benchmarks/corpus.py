"""The events that benchmarks use: a realistic mix, the same in every run."""

from __future__ import annotations

import json
import random
from typing import Any

ROUTES = [f"/api/v1/resource{number}/{{id}}" for number in range(20)]
STATUSES = [200] * 12 + [201, 204, 301, 400, 401, 404, 422, 500]
TABLES = ["users", "orders", "items", "carts", "payments", "sessions", "audit", "stock"]


def mixed(dice: random.Random, number: int, *, stacks: bool = False) -> dict[str, Any]:
    """One event: 60 % http, 20 % database, 12 % cache, 3 % errors, 5 % that no rule takes.

    With `stacks` the errors bring their exceptions. The fields stand in the order in which the shipper writes
    them.
    """
    own = _own(dice.random(), dice)
    if stacks and "error_type" in own:
        own["exception"] = [_exception(dice)]
    return {
        "timestamp": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}.{number % 1000000:06}Z",
        "level": "error" if "error_type" in own else "info",
        "event": own.pop("event"),
        "service": dice.choice(["shop", "payments"]),
        "environment": "production",
        "service_version": "1.4.2",
        "service_instance_id": "shop-7d9c5-abcde-1",
        "correlation_id": f"{dice.getrandbits(128):032x}",
        "logger": "shop.web",
        **own,
        "duration_seconds": round(dice.expovariate(10), 6),
    }


def lines(count: int, dice: random.Random, *, stacks: bool = False) -> list[bytes]:
    """A body's events, without the ends of their lines."""
    events = (mixed(dice, number, stacks=stacks) for number in range(count))
    return [json.dumps(event, separators=(",", ":")).encode() for event in events]


def _own(kind: float, dice: random.Random) -> dict[str, Any]:
    """An event's name and own fields."""
    if kind < 0.60:
        return {
            "event": "http.request",
            "user_id": f"u{dice.randrange(5000)}",
            "http_request_method": dice.choice(["GET", "GET", "POST", "PUT"]),
            "http_route": dice.choice(ROUTES),
            "url_path": "/api/v1/resource1/4711",
            "http_response_status_code": dice.choice(STATUSES),
            "client_address": "10.1.2.3",
        }
    if kind < 0.80:
        return {
            "event": "db.query",
            "db_system_name": "postgresql",
            "db_operation_name": dice.choice(["SELECT", "INSERT", "UPDATE"]),
            "db_collection_name": dice.choice(TABLES),
            "db_rows": dice.randrange(50),
        }
    if kind < 0.92:
        return {
            "event": "cache.operation",
            "cache_name": "sessions",
            "cache_operation": "get",
            "cache_result": dice.choice(["hit", "hit", "miss"]),
        }
    if kind < 0.95:
        return {"event": "payment.failed", "error_type": "Timeout", "message": "it failed"}
    return {"event": "cart.viewed", "message": "a cart was viewed", "items": 3}


def _exception(dice: random.Random) -> dict[str, Any]:
    """An exception of 15 frames, as the shipper describes it: some 2 KB."""
    frames = [
        {
            "filename": f"shop/{dice.choice(TABLES)}.py",
            "function": f"step_{number}",
            "lineno": dice.randrange(500),
            "module": "shop.checkout",
            "in_app": True,
            "context_line": "return await self._next(request)",
        }
        for number in range(15)
    ]
    return {
        "type": "Timeout",
        "module": "shop",
        "value": "the bank is slow",
        "frames": frames,
        "handled": True,
    }
