"""Correlation between processes: what a request brings, and what a request to others is given.

The correlation id is what the caller chose (`X-Correlation-ID`), else the W3C trace id of its
`traceparent`, else its `X-Request-ID`, else a new trace id. https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

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
    fields: dict[str, Any] = {}
    trace_id: str | None = None
    match = _TRACEPARENT.fullmatch(brought.get(b"traceparent", "").strip())
    if match and not (match[1] == "00" and match[5]):
        trace_id = match[2]
        fields["parent_span_id"] = match[3]
        fields["trace_sampled"] = bool(int(match[4], 16) & 1)
    correlation_id = (
        _valid(brought.get(b"x-correlation-id")) or trace_id or _valid(brought.get(b"x-request-id"))
    )
    fields["correlation_id"] = correlation_id = correlation_id or new_trace_id()
    if trace_id is None:
        trace_id = trace_id_of(correlation_id)
    if trace_id != correlation_id:
        fields["trace_id"] = trace_id
    return fields


def provide(context: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a request made in `context` is given; empty outside of any context."""
    correlation_id = context.get("correlation_id")
    if not isinstance(correlation_id, str):
        return {}
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


def _valid(text: str | None) -> str | None:
    return text if text and CORRELATION_ID.fullmatch(text) else None
