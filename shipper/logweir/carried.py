"""A context on its way through a database row, a queue or a reminder: taken along there, resumed here."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, cast

import orjson

from logweir import context, otel
from logweir.clean import Cleaner
from logweir.ids import new_trace_id
from logweir.propagation import TRACEPARENT_HEADER, provide, trace_id_of, trace_of, valid
from logweir.spans import KEYS

_CORRELATION_ID: Final = "correlation_id"
_NOT_BOUND: Final = frozenset({*KEYS, TRACEPARENT_HEADER})


def carry(*keys: str) -> dict[str, Any]:
    """The current context as a small dict that ``json.dumps`` takes; empty outside of any context.

    ``{"correlation_id": ..., "traceparent": "00-...-01"}``, the latter where a span is open: it becomes the
    parent of what is done later. Of the fields that are bound only those named by `keys` go along:
    ``row.context = json.dumps(logweir.carry("user_id"))``.
    """
    fields = otel.current()
    headers = provide(fields)
    carried: dict[str, Any] = {}
    if headers:
        carried[_CORRELATION_ID] = str(fields[_CORRELATION_ID])
    if TRACEPARENT_HEADER in headers:
        carried[TRACEPARENT_HEADER] = headers[TRACEPARENT_HEADER]
    bound = {key: fields[key] for key in keys if key in fields and key not in _NOT_BOUND}
    return {**orjson.loads(orjson.dumps(Cleaner(strict=True).clean(bound))), **carried} if bound else carried


class resume:  # noqa: N801 - reads as a verb: with logweir.resume(row.context)
    """Work in the context that `carry` took along, for the time of the ``with`` block.

    Takes its dict, that as JSON, a bare `traceparent`, or a bare correlation id. Events inside have the
    carried ids and fields, a timed event has the carried span as its parent. What cannot be read, and
    nothing, begin a new correlation: a worker never fails for it, and the events of one job stay together.

    Where OpenTelemetry's SDK is active and runs no span yet, its spans belong to the carried trace too.

    Fields that were bound before stay; afterwards all is as it was, whatever the block has bound.
    """

    def __init__(self, carried: Mapping[str, Any] | str | bytes | None) -> None:
        self._fields = _read(carried)

    def __enter__(self) -> None:
        self._earlier = context.current()
        kept = {key: value for key, value in self._earlier.items() if key not in KEYS}
        context.replace({**kept, **self._fields})
        self._attached = otel.attach(self._fields)
        self._heeded = otel.heed()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        context.replace(self._earlier)
        otel.forget_until(self._heeded)
        otel.detach(self._attached)


def _read(carried: Mapping[str, Any] | str | bytes | None) -> dict[str, Any]:
    """The context fields of what was carried."""
    found = _decoded(carried)
    traceparent = found.get(TRACEPARENT_HEADER)
    ids = trace_of(traceparent) if isinstance(traceparent, str) else {}
    trace_id = ids.pop("trace_id", None)
    chosen = found.get(_CORRELATION_ID)
    correlation_id = valid(chosen) if isinstance(chosen, str) else None
    correlation_id = correlation_id or trace_id or new_trace_id()
    trace_id = trace_id or trace_id_of(correlation_id)
    if trace_id != correlation_id:
        ids["trace_id"] = trace_id
    fields = {key: value for key, value in found.items() if key not in _NOT_BOUND}
    return {**Cleaner(strict=True).clean(fields), **ids, _CORRELATION_ID: correlation_id}


def _decoded(carried: Any) -> Mapping[Any, Any]:
    if isinstance(carried, Mapping):
        try:
            return dict(carried)
        except Exception:  # noqa: BLE001 - a row's own mapping may ask a database that is gone
            return {}
    if isinstance(carried, bytes | bytearray | memoryview):
        carried = bytes(carried).decode("utf-8", "replace")
    if not isinstance(carried, str):
        return {}
    text = carried.strip()
    if not text.startswith("{"):
        return {TRACEPARENT_HEADER if trace_of(text) else _CORRELATION_ID: text}
    try:
        return cast("Mapping[Any, Any]", orjson.loads(text))
    except orjson.JSONDecodeError:
        return {}
