"""The ids of OpenTelemetry's running span, in applications where that SDK is active.

It is looked up, never imported: an application without it pays one look-up of a module's name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from logweir import context

_API: Final = "opentelemetry.trace"
_CONTEXTS: Final = "opentelemetry.context"

_heeded: Final[ContextVar[str | None]] = ContextVar("logweir.otel", default=None)
"""The span that the ids bound now take into account already: one of ours has begun inside of it."""


_latest: tuple[Any, Running | None] = (None, None)
"""The context of the span that was asked for last, which nobody changes, and what it says: this runs for
every event."""


class Running(NamedTuple):
    """A span that OpenTelemetry runs now."""

    trace_id: str
    span_id: str
    sampled: bool


def running() -> Running | None:
    """The span that runs in this task or thread, recorded or not; None where there is none."""
    global _latest  # noqa: PLW0603 - see there
    api = sys.modules.get(_API)
    if api is None:
        return None
    try:
        span = api.get_current_span().get_span_context()
        known, found = _latest
        if span is not known:
            found = None
            if span.is_valid:
                found = Running(f"{span.trace_id:032x}", f"{span.span_id:016x}", bool(span.trace_flags & 1))
            _latest = span, found
    except Exception:  # noqa: BLE001 - half imported, or a tracer of somebody's own
        return None
    return found


def current() -> Mapping[str, Any]:
    """The fields that an event made now carries: what is bound, and the ids of a span begun since."""
    fields = context.current()
    return around(fields) if _API in sys.modules else fields


def around(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`fields` with the ids of the span that runs, where they do not take it into account yet."""
    span = running()
    if span is None or "span_id" in fields or span.span_id == _heeded.get():
        return fields
    seen = {**fields, "parent_span_id": span.span_id, "trace_sampled": span.sampled}
    if seen.setdefault("correlation_id", span.trace_id) != span.trace_id:
        seen["trace_id"] = span.trace_id
    else:
        seen.pop("trace_id", None)
    return seen


def heed() -> str | None:
    """Say that the ids bound now take the running span into account; what was said before."""
    before = _heeded.get()
    span = running()
    if span is not None and span.span_id != before:
        _heeded.set(span.span_id)
    return before


def forget_until(before: str | None) -> None:
    """Take `heed` back: `before` is what it returned."""
    if _heeded.get() != before:
        _heeded.set(before)


def attach(ids: Mapping[str, Any]) -> Any:
    """Let spans that begin now have the parent that `ids` name, unless one runs; what `detach` needs."""
    api, contexts = sys.modules.get(_API), sys.modules.get(_CONTEXTS)
    if api is None or contexts is None or "parent_span_id" not in ids or running() is not None:
        return None
    try:
        parent = api.SpanContext(
            trace_id=int(ids.get("trace_id", ids["correlation_id"]), 16),
            span_id=int(ids["parent_span_id"], 16),
            is_remote=True,
            trace_flags=api.TraceFlags(ids["trace_sampled"]),
        )
        return contexts.attach(api.set_span_in_context(api.NonRecordingSpan(parent)))
    except Exception:  # noqa: BLE001 - see running
        return None


def detach(attached: Any) -> None:
    """Take `attach` back."""
    if attached is not None:
        with suppress(Exception):
            sys.modules[_CONTEXTS].detach(attached)
