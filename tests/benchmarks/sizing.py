"""How much disk events take, before and behind a compaction: the figures of ``docs/sizing.md``.

``python -m tests.benchmarks.sizing FOLDER`` fills segments with made requests and compacts each under several
rules. The events have the fields that the shipper sends; ids are random; one request in 200 fails.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from logweir_service.jobs.compact import Asked, compact
from logweir_service.journal import DataFolder, Journal, crc32, segments
from logweir_service.rules import RuleSource

from .corpus import TABLES

BEGIN: Final = 1_790_000_000.0
_REQUESTS_PER_BATCH: Final = 40

RULES: Final = {
    "compressed": "version: 1",
    "cache and database 0.1": "version: 1\nstore: [{event: [cache.operation, db.query], keep: 0.1}]",
    "everything 0.1": 'version: 1\nstore: [{event: "*", keep: 0.1}]',
}


class Shape(NamedTuple):
    """What a request does besides being answered."""

    queries: int
    caches: int
    calls: int


SHAPES: Final = {"3": Shape(1, 1, 0), "8": Shape(4, 2, 1), "20": Shape(11, 6, 2)}
"""By events of a request."""


def request(dice: random.Random, shape: Shape, moment: float) -> Iterator[dict[str, Any]]:
    """The events of one request, in order."""
    common = {
        "service": "shop",
        "environment": "production",
        "service_version": "1.4.2",
        "server_name": "shop-7d9c5",
        "service_instance_id": f"shop-7d9c5-{dice.randrange(6)}",
        "correlation_id": f"{dice.getrandbits(128):032x}",
        "parent_span_id": f"{dice.getrandbits(64):016x}",
        "user_id": f"u{dice.randrange(50_000)}",
        "logger": "shop.web",
    }
    failed = dice.random() < 1 / 200
    for own in (*_work(dice, shape), _answer(dice, failed=failed)):
        moment += dice.expovariate(300)
        told = {"timestamp": f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}
        span = {
            "duration_seconds": round(dice.expovariate(100), 6),
            "span_id": f"{dice.getrandbits(64):016x}",
        }
        yield {**told, "level": own.pop("level", "info"), "event": own.pop("event"), **common, **own, **span}


def _work(dice: random.Random, shape: Shape) -> Iterator[dict[str, Any]]:
    for _ in range(shape.queries):
        table, operation = dice.choice(TABLES), dice.choice(["SELECT", "SELECT", "INSERT", "UPDATE"])
        yield {
            "event": "db.query",
            "db_system_name": "postgresql",
            "db_operation_name": operation,
            "db_collection_name": table,
            "db_query_summary": f"{operation} {table}",
            "db_rows": dice.randrange(50),
        }
    for _ in range(shape.caches):
        result = dice.choice(["hit", "hit", "miss"])
        yield {"event": "cache.operation", "cache_name": "sessions", "cache_result": result}
    for _ in range(shape.calls):
        yield {
            "event": "http.client.request",
            "http_request_method": "GET",
            "peer_service": "payments",
            "server_address": "payments.internal",
            "http_response_status_code": 200,
        }


def _answer(dice: random.Random, *, failed: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "event": "http.request",
        "http_request_method": dice.choice(["GET", "GET", "POST"]),
        "http_route": f"/api/v1/{dice.choice(TABLES)}/{{id}}",
        "url_path": f"/api/v1/orders/{dice.randrange(10**6)}",
        "http_response_status_code": 500 if failed else 200,
        "client_address": f"10.{dice.randrange(4)}.{dice.randrange(256)}.{dice.randrange(256)}",
        "user_agent_original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    }
    if failed:
        frames = [
            {"filename": f"shop/{dice.choice(TABLES)}.py", "function": f"step_{number}", "lineno": number * 7}
            for number in range(15)
        ]
        answer |= {"level": "error", "exception": [{"type": "Timeout", "value": "slow", "frames": frames}]}
    return answer


def filled(folder: Path, shape: Shape) -> Journal:
    """A journal whose first segment is full."""
    dice = random.Random(6)
    journal = Journal(DataFolder(folder))
    journal.recover(lambda located, segment: None)
    moment = BEGIN
    while len(segments(journal.folder.journal)) < 2:
        events = [each for _ in range(_REQUESTS_PER_BATCH) for each in request(dice, shape, moment)]
        events.sort(key=lambda event: event["timestamp"])  # requests of many at once are told mixed
        lines = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in events)
        group = journal.begin(round(moment, 6))
        journal.append(group, lines, count=len(events), lines_crc32=crc32(lines))
        journal.write(group)
        journal.settle(group)
        moment += 0.4
    return journal


def main(base: Path) -> None:
    """Print bytes of an event, and GB a day for each request a second."""
    for name, shape in SHAPES.items():
        journal = filled(base / name, shape)
        content = segments(journal.folder.journal)[0].path.read_bytes()
        events = content.count(b"\n") - content.count(b'{"_commit"') - 1
        per_request = 1 + sum(shape)
        _print(name, "plain", len(content) / events, per_request)
        for rules, text in RULES.items():
            asked = Asked(
                journal=journal.identifier,
                folder=journal.folder.journal,
                sidecars=journal.folder.index,
                first_lsn=1,
                neighbours=[],
                rules=[RuleSource(name="rules.yaml", text=text, is_pack=False)],
                pack_labels=None,
                now=BEGIN + 7200,
            )
            _print(name, rules, compact(asked).after_bytes / events, per_request)
        journal.close()


def _print(name: str, rules: str, bytes_per_event: float, per_request: int) -> None:
    daily = bytes_per_event * per_request * 86_400 / 1e9
    print(f"{name:>3} events  {rules:24} {bytes_per_event:7.1f} B/event  {daily:8.4f} GB a day per request/s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
