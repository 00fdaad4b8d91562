"""The rules that benchmarks measure: six that take the realistic mix, and sets made around them.

The six are those of `plain_service` and of `mtail`, with the same names, labels and buckets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tests.benchmarks.plain_service import SECONDS

Rule = dict[str, Any]

_HTTP: Final = {"method": "http_request_method", "endpoint": "http_route"}


def counter(name: str, event: str, labels: dict[str, str], **more: str) -> Rule:
    """A rule that counts events."""
    return {"name": name, "type": "counter", "event": event, "labels": labels, **more}


def histogram(name: str, event: str, labels: dict[str, str], observe: str) -> Rule:
    """A rule that observes a field, in the plain service's buckets."""
    shape = {"type": "histogram", "observe": observe, "buckets": [*SECONDS]}
    return {"name": name, "event": event, "labels": labels, **shape}


NAMED: Final = [
    counter("http_requests_total", "http.request", {**_HTTP, "status": "http_response_status_code"}),
    histogram("http_request_duration_seconds", "http.request", _HTTP, "duration_seconds"),
    counter(
        "db_queries_total", "db.query", {"query_type": "db_operation_name", "table": "db_collection_name"}
    ),
    histogram(
        "db_query_duration_seconds", "db.query", {"query_type": "db_operation_name"}, "duration_seconds"
    ),
    counter(
        "cache_operations_total",
        "cache.operation",
        {"cache": "cache_name", "operation": "cache_operation", "result": "cache_result"},
    ),
]
ERRORS: Final = counter(
    "errors_total", "*", {"error_type": "error_type"}, when='level in ("error", "critical")'
)
SIX: Final = [*NAMED, ERRORS]

EVERY_EVENT: Final = counter("log_events_total", "*", {"level": "level"})
USERS: Final[Rule] = {
    "name": "active_users",
    "type": "distinct",
    "event": "*",
    "of": "user_id",
    "windows": ["1h", "1d", "7d"],
}


def several(rules: Sequence[Rule], times: int) -> list[Rule]:
    """The same rules `times` times, each under a name of its own."""
    return [rule | {"name": f"copy{number}_{rule['name']}"} for number in range(times) for rule in rules]


def idle(features: int) -> list[Rule]:
    """Rules for events that never come, three for each event name, with fields of their own."""
    rules = []
    for number in range(features):
        name = f"feature{number}"
        labels = {"kind": f"{name}_kind"}
        rules += [
            counter(f"{name}_uses_total", f"{name}.used", labels),
            histogram(f"{name}_duration_seconds", f"{name}.used", labels, f"{name}_seconds"),
            counter(f"{name}_errors_total", f"{name}.*", labels, when='level == "error"'),
        ]
    return rules


def document(rules: Sequence[Rule]) -> str:
    """The text of a rule file."""
    defaults = {"labels": {"service": "service", "environment": "environment"}}
    return json.dumps({"version": 1, "defaults": defaults, "metrics": rules})
