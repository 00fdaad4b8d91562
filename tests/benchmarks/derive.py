"""Microseconds per event of decoding and deriving a realistic mix, with all packs, in batches of 1000.

Run ``python -m tests.benchmarks.derive``. Process CPU time, the median of several rounds; totals are checked.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from logweir_service.derive import Derivation
from logweir_service.event import event_type
from logweir_service.rules import load

EVENTS = 100_000
BATCH = 1000
ROUTES = [f"/api/v1/resource{number}/{{id}}" for number in range(20)]
STATUSES = [200] * 12 + [201, 204, 301, 400, 401, 404, 422, 500]
TABLES = ["users", "orders", "items", "carts", "payments", "sessions", "audit", "stock"]


def mixed(dice: random.Random, number: int) -> dict[str, Any]:
    """One event: 60 % http, 20 % database, 12 % cache, 3 % errors, 5 % that no rule takes."""
    event: dict[str, Any] = {
        "timestamp": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}.{number % 1000000:06}Z",
        "level": "info",
        "service": dice.choice(["shop", "payments"]),
        "environment": "production",
        "service_version": "1.4.2",
        "service_instance_id": "shop-7d9c5-abcde-1",
        "correlation_id": f"{dice.getrandbits(128):032x}",
        "logger": "shop.web",
        "duration_seconds": round(dice.expovariate(10), 6),
    }
    kind = dice.random()
    if kind < 0.60:
        event |= {
            "event": "http.request",
            "http_request_method": dice.choice(["GET", "GET", "POST", "PUT"]),
            "http_route": dice.choice(ROUTES),
            "http_response_status_code": dice.choice(STATUSES),
            "url_path": "/api/v1/resource1/4711",
            "client_address": "10.1.2.3",
            "user_id": f"u{dice.randrange(5000)}",
        }
    elif kind < 0.80:
        event |= {
            "event": "db.query",
            "db_system_name": "postgresql",
            "db_operation_name": dice.choice(["SELECT", "INSERT", "UPDATE"]),
            "db_collection_name": dice.choice(TABLES),
            "db_rows": dice.randrange(50),
        }
    elif kind < 0.92:
        event |= {
            "event": "cache.operation",
            "cache_name": "sessions",
            "cache_operation": "get",
            "cache_result": dice.choice(["hit", "hit", "miss"]),
        }
    elif kind < 0.95:
        event |= {
            "event": "payment.failed",
            "level": "error",
            "error_type": "Timeout",
            "message": "it failed",
        }
    else:
        event |= {"event": "cart.viewed", "message": "a cart was viewed", "items": 3}
    return event


def microseconds(work: Callable[[], object], events: int) -> float:
    """CPU time of one run, per event."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / events * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    dice = random.Random(1)
    lines = [json.dumps(mixed(dice, number), separators=(",", ":")).encode() for number in range(EVENTS)]
    bodies = [b"\n".join(lines[start : start + BATCH]) for start in range(0, EVENTS, BATCH)]
    rules = load(["packs"])
    decoder: Any = msgspec.json.Decoder(event_type(rules.fields))
    derivation = Derivation(rules)
    decode, apply, text, openmetrics = [], [], [], []
    for number in range(rounds):
        decoding = applying = 0.0
        for place, body in enumerate(bodies):
            start = time.process_time()
            batch = decoder.decode_lines(body)
            decoded = time.process_time()
            derivation.apply(batch, 1.8e9 + number + place * 0.005)
            decoding += decoded - start
            applying += time.process_time() - decoded
        decode.append(decoding / EVENTS * 1e6)
        apply.append(applying / EVENTS * 1e6)
        lines_written = derivation.expose(openmetrics=False).count(b"\n")
        text.append(microseconds(lambda: derivation.expose(openmetrics=False), lines_written))
        openmetrics.append(microseconds(lambda: derivation.expose(openmetrics=True), lines_written))
    requests = sum(1 for line in lines if b'"http.request"' in line)
    counted = sum(
        int(line.rpartition(b" ")[2])
        for line in derivation.expose(openmetrics=False).splitlines()
        if line.startswith(b"http_requests_total")
    )
    if counted != requests * rounds:
        raise SystemExit(f"counted {counted} of {requests * rounds} requests")
    sys.stdout.write(
        f"decode  {statistics.median(decode):.3f} us per event\n"
        f"apply   {statistics.median(apply):.3f} us per event ({derivation.series} series)\n"
        f"expose  {statistics.median(text):.3f} us per line of text ({lines_written} lines), "
        f"{statistics.median(openmetrics):.3f} in OpenMetrics\n"
    )


if __name__ == "__main__":
    main()
