"""Correlation between processes: what a request brings, and what a request to others is given.

The correlation id is what the caller chose (`X-Correlation-ID`), else the W3C trace id of its
`traceparent`, else its `X-Request-ID`, else a new trace id. Where OpenTelemetry's SDK runs a span, that
stands for the `traceparent`, which it has read itself. https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

from logweir import otel
from logweir.fields import CORRELATION_ID
from logweir.ids import new_trace_id

CORRELATION_HEADER: Final = "X-Correlation-ID"
TRACEPARENT_HEADER: Final = "traceparent"

_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_WANTED: Final = frozenset({b"traceparent", b"x-correlation-id", b"x-request-id"})


def accept(headers: Iterable[tuple[bytes, bytes]], *, trust: bool = True) -> dict[str, Any]:
    """The context fields of a request that came with `headers`, whose names are in lower case.

    A malformed id is passed over and not kept anywhere. Without `trust` all headers are.
    """
    brought = {name: value.decode("latin-1") for name, value in headers if name in _WANTED} if trust else {}
    fields = trace_of(brought.get(b"traceparent", ""))
    span = otel.running()
    if span is not None:
        fields = {"trace_id": span.trace_id, "parent_span_id": span.span_id, "trace_sampled": span.sampled}
    trace_id: str | None = fields.pop("trace_id", None)
    correlation_id = (
        valid(brought.get(b"x-correlation-id")) or trace_id or valid(brought.get(b"x-request-id"))
    )
    fields["correlation_id"] = correlation_id = correlation_id or new_trace_id()
    if trace_id is None:
        trace_id = trace_id_of(correlation_id)
    if trace_id != correlation_id:
        fields["trace_id"] = trace_id
    return fields


def trace_of(traceparent: str) -> dict[str, Any]:
    """The trace id, the parent's span id and the flag of a `traceparent`; nothing where it is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or (match[1] == "00" and match[5]):
        return {}
    sampled = bool(int(match[4], 16) & 1)
    return {"trace_id": match[2], "parent_span_id": match[3], "trace_sampled": sampled}


def provide(context: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The headers that a request made in `context`, by default the current one, is given.

    Empty outside of any context. A trace of which nobody has chosen whether it is sampled counts as sampled.
    """
    if context is None:
        context = otel.current()
    correlation_id = context.get("correlation_id")
    if correlation_id is None:
        return {}
    correlation_id = str(correlation_id)
    headers = {CORRELATION_HEADER: correlation_id}
    span_id = context.get("parent_span_id")
    if span_id:
        trace_id = context.get("trace_id") or trace_id_of(correlation_id)
        flags = "00" if context.get("trace_sampled") is False else "01"
        headers[TRACEPARENT_HEADER] = f"00-{trace_id}-{span_id}-{flags}"
    return headers


def trace_id_of(correlation_id: str) -> str:
    """The trace id that goes with a correlation id: itself where it is one, else a hash of it."""
    plain = correlation_id.replace("-", "").lower()
    return (
        plain if _TRACE_ID.fullmatch(plain) else blake2b(correlation_id.encode(), digest_size=16).hexdigest()
    )


def valid(text: str | None) -> str | None:
    """`text` where it is a correlation id."""
    return text if text and CORRELATION_ID.fullmatch(text) else None
