"""One timed piece of work, and its place in a trace.

Inside a span, all events carry its id as their ``parent_span_id``; the event that reports the span itself
carries it as ``span_id``. So an event with a `span_id` and a duration is always a span, and no other event
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

from logweir import context
from logweir.ids import new_span_id, new_trace_id

KEYS: Final = ("span_id", "parent_span_id", "correlation_id")
"""The context's keys that a span sets."""


class Span:
    """Begins with its construction, in the `surroundings` given.

    A detached span leaves the context alone: for generators, whose body shares it with whoever consumes them.
    """

    __slots__ = ("_detached", "_parent", "_started", "span_id")

    def __init__(self, surroundings: Mapping[str, Any], *, detached: bool = False) -> None:
        self.span_id = new_span_id()
        self._parent = surroundings.get("parent_span_id")
        self._detached = detached
        if not detached:
            inside = {**surroundings, "parent_span_id": self.span_id}
            if "correlation_id" not in inside:
                inside["correlation_id"] = new_trace_id()
            context.replace(inside)
        self._started = perf_counter()

    @property
    def outermost(self) -> bool:
        """Whether no other span is around this one."""
        return self._parent is None

    def end(self) -> float:
        """Step out, to where the span's own event is to be emitted; the seconds it took.

        What was bound inside is still bound. Whoever began the span restores the context afterwards.
        """
        seconds = round(perf_counter() - self._started, 7)
        fields = {**context.current(), "span_id": self.span_id}
        if self._parent is not None:
            fields["parent_span_id"] = self._parent
        elif not self._detached:
            fields.pop("parent_span_id", None)
        context.replace(fields)
        return seconds
