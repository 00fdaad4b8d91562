"""What a story was, in the few words that stand above it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from logweir.fields import CORRELATION_ID
from logweir_service.find import Row, Timeline, visible

_OUTCOMES: Final = frozenset({"success", "failure", "cancelled", "unknown"})


_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Summary:
    """The head of a story's page."""

    what: str
    outcome: str
    """One of the four words of events, or nothing."""
    status: str
    """The HTTP status of what was asked for, or nothing."""
    environments: tuple[str, ...]
    versions: Mapping[str, str]
    """The newest that each service tells, by its name."""
    trace_ids: tuple[str, ...]
    """Those that are of the grammar of ids; an event without one belongs to the trace that its correlation id
    names."""


def summary_of(timeline: Timeline) -> Summary:
    """Sum up a story: it is about the longest of its outermost rows, or the first where none took time."""
    main = _main(timeline.rows)
    fields = main.fields if main else {}
    named = fields.get("outcome")
    outcome = named if isinstance(named, str) and named in _OUTCOMES else ""
    if not outcome and timeline.error_count:
        outcome = "failure"
    status = fields.get("http_response_status_code")
    return Summary(
        what=_what(main) if main else "",
        outcome=outcome,
        status=str(status) if isinstance(status, int) else "",
        environments=_texts(timeline.rows, "environment"),
        versions={
            row.service: visible(version)
            for row in timeline.rows
            if isinstance(version := row.fields.get("service_version"), str) and version
        },
        trace_ids=tuple(dict.fromkeys(each for row in timeline.rows if (each := _trace_id(row)))),
    )


def _trace_id(row: Row) -> str | None:
    own, correlation_id = row.identifier("trace_id"), row.identifier("correlation_id")
    if own is not None:
        return own if CORRELATION_ID.fullmatch(own) else None
    return correlation_id if correlation_id and _TRACE_ID.fullmatch(correlation_id) else None


def _main(rows: Sequence[Row]) -> Row | None:
    outermost = [row for row in rows if row.depth == 0]
    return max(outermost, key=lambda row: row.duration or 0.0, default=None)


def _what(row: Row) -> str:
    method, route = row.fields.get("http_request_method"), _first(row.fields, "http_route", "url_path")
    if isinstance(method, str) and route:
        return visible(f"{method} {route}")
    for key in ("job_name", "span_name"):
        if isinstance(name := row.fields.get(key), str) and name:
            return visible(f"{row.name} {name}")
    return row.name


def _first(fields: Any, *keys: str) -> str:
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), "")


def _texts(rows: Sequence[Row], key: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            visible(value) for row in rows if isinstance(value := row.fields.get(key), str) and value
        )
    )
