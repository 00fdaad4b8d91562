"""One timed piece of work, and its place in a trace.

Inside a span, all events carry its id as their ``parent_span_id``; the event that reports the span itself
carries it as ``span_id``. So an event with a `span_id` and a duration is always a span, and no other event
is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final

from logweir import context, otel, process
from logweir.ids import is_sampled, new_span_id, new_trace_id
from logweir.propagation import trace_id_of

Task = asyncio.Task[Any]

KEYS: Final = ("span_id", "parent_span_id", "correlation_id", "trace_id", "trace_sampled")
"""The context's keys that a span sets."""


class Span:
    """Begins with its construction, in the `surroundings` given.

    A detached span leaves the context alone: for generators, whose body shares it with whoever consumes them.
    """

    __slots__ = (
        *("_around", "_detached", "_heeded", "_open", "_parent", "_started", "_task"),
        *("outermost", "span_id"),
    )

    def __init__(self, surroundings: Mapping[str, Any], *, detached: bool = False) -> None:
        self.span_id = new_span_id()
        surroundings = otel.around(surroundings)
        self._parent = surroundings.get("parent_span_id")
        self._detached = detached
        self._around = _innermost.get()
        self._task = _current_task()
        self._open = True
        self.outermost = False
        """Once it has ended: whether no other span waits for this one, and will see what it raises."""
        if not detached:
            inside = {**surroundings, "parent_span_id": self.span_id}
            if self._parent is None or "correlation_id" not in inside:
                _begin_trace(inside)
            context.replace(inside)
            _innermost.set(self)
            self._heeded = otel.heed()
        self._started = perf_counter()

    def end(self) -> float:
        """Step out, to where the span's own event is to be emitted; the seconds it took.

        What was bound inside is still bound. Whoever began the span restores the context afterwards.
        """
        seconds = round(perf_counter() - self._started, 7)
        around, task = self._around, self._task
        if not self._detached:
            _innermost.set(around)
            otel.forget_until(self._heeded)
        self.outermost = around is None or not around._open or around._is_of_another(task)
        self._open, self._around, self._task = False, None, None
        around_it = otel.current() if self._detached else context.current()
        fields = {**around_it, "span_id": self.span_id}
        if self._parent is not None:
            fields["parent_span_id"] = self._parent
        elif not self._detached:
            fields.pop("parent_span_id", None)
        if "correlation_id" not in fields:
            _begin_trace(fields)
        context.replace(fields)
        return seconds

    def leave(self) -> None:
        """Let code outside go on while this one lasts; `enter` comes back."""
        _innermost.set(self._around)
        otel.forget_until(self._heeded)

    def enter(self) -> None:
        """Come back, from wherever code runs now."""
        self._around = _innermost.get()
        _innermost.set(self)
        self._heeded = otel.heed()

    def abandon(self) -> None:
        """Nobody will end it, so nothing that begins later is inside of it."""
        self._open, self._around, self._task = False, None, None

    def _is_of_another(self, task: Task | None) -> bool:
        """Whether this span and `task` run side by side; a thread is waited for by who started it."""
        return None not in (task, self._task) and task is not self._task


def _begin_trace(fields: dict[str, Any]) -> None:
    """Complete the ids of a trace of which `fields` has at most the correlation id and a caller's choices."""
    correlation_id = fields.get("correlation_id")
    if correlation_id is None:
        fields["correlation_id"] = trace_id = new_trace_id()
    else:
        trace_id = fields.get("trace_id") or trace_id_of(str(correlation_id))
        if trace_id != correlation_id:
            fields["trace_id"] = trace_id
    rate = process.emitter().settings.traces_sample_rate
    if rate is not None and "trace_sampled" not in fields:
        fields["trace_sampled"] = is_sampled(trace_id, rate)


def _current_task() -> Task | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


_innermost: Final[ContextVar[Span | None]] = ContextVar("logweir.span", default=None)
"""The span that code runs in; one begun in an earlier task of the same work may have ended."""
