"""``event("db.query", ...)``: one event at the end of a piece of work, with its duration and outcome."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from copy import copy
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from logweir import context, process
from logweir.spans import KEYS, Span

Function = TypeVar("Function", bound=Callable[..., Any])

_CANCELLED: Final = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)


class event:  # noqa: N801 - reads as a noun at the place of use: with logweir.event("db.query") as ev
    """Time a block or a function, and emit one event when it ends.

    ::

        with logweir.event("db.query", db_collection_name="orders") as ev:
            ev["db_rows"] = len(rows)

        @logweir.event("cache.warm", slow_seconds=0.25)
        async def warm() -> None: ...

    The event has `duration_seconds`, `outcome` (success, failure, cancelled), `span_id`, `parent_span_id`,
    and on failure the exception, which goes on to the caller. Events inside the block have the span as
    their parent.

    Its level is `level`; on failure it is error where no other timed event and no request is around it, or
    only one of another task, since then nobody else may report the exception; else warning. So an unhandled
    exception is one error, not one a layer.

    Where it took `slow_seconds` or longer, a second event says so, with `.slow` at the end of its name: a
    warning with the same fields and `slow_threshold_seconds`. It is no span of its own, and stands inside
    this one. None and 0: it is never slow.
    """

    def __init__(
        self, name: str, /, *, level: str = "info", slow_seconds: float | None = None, **fields: Any
    ) -> None:
        self._name = name
        self._level = level
        self._slow_seconds = None if slow_seconds is None else _seconds(slow_seconds)
        self._given = fields
        self._fields = dict(fields)
        self._detached = False
        self._span: Span | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        self._fields[key] = value

    def __enter__(self) -> Self:
        if self._span is not None:
            raise RuntimeError("an event times one block; make another for another block")
        self._earlier: Mapping[str, Any] = context.current()
        self._span = Span(self._earlier, detached=self._detached)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        span = self._span
        assert span is not None
        around = context.current() if self._detached else self._earlier
        fields = self._fields
        fields["duration_seconds"] = seconds = span.end()
        self._conclude(fields, error)
        level = self._level
        if error is None:
            fields.setdefault("outcome", "success")
        elif isinstance(error, _CANCELLED):
            fields.setdefault("outcome", "cancelled")
            error = None
        else:
            fields.setdefault("outcome", "failure")
            level = "error" if span.outermost else "warning"
        slow = dict(fields) if 0 < (threshold := self._threshold()) <= seconds else None
        process.emitter().emit(self._name, level, fields, error=error, handled=not span.outermost)
        if slow is not None:
            slow["slow_threshold_seconds"] = threshold
            self._tell_slow(slow, span)
        context.restore(KEYS, around)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Function) -> Function:
        """Emit one event for each call of `function`, plain or async, or a generator of either kind.

        A generator's event comes when it is exhausted or closed; events between its items are not inside it.
        """
        if inspect.isasyncgenfunction(function):
            return cast("Function", _async_generator(self, function))
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def iterate(*args: Any, **kwargs: Any) -> Iterator[Any]:
                with self._again(detached=True):
                    yield from function(*args, **kwargs)

            return cast("Function", iterate)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast("Function", call_async)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast("Function", call)

    def _again(self, *, detached: bool = False) -> Self:
        """An event like this one, since calls may overlap."""
        fresh = copy(self)
        fresh._fields = dict(self._given)
        fresh._detached = detached
        fresh._span = None
        return fresh

    def _conclude(self, fields: dict[str, Any], error: BaseException | None) -> None:
        """For kinds of work that know more of how they ended: complete `fields`, and set the level."""

    def _threshold(self) -> float:
        """From how many seconds on the work is slow; 0: it never is."""
        return self._slow_seconds or 0.0

    def _tell_slow(self, fields: dict[str, Any], span: Span) -> None:
        """Emit the second event inside of `span`; the context is restored afterwards."""
        inside = {**context.current(), "parent_span_id": span.span_id}
        inside.pop("span_id", None)
        context.replace(inside)
        process.emitter().emit(f"{self._name}.slow", "warning", fields)


def _seconds(given: Any) -> float:
    """What is no number is no threshold: a mistake in an argument must not end somebody's request."""
    try:
        return float(given)
    except (TypeError, ValueError):
        return 0.0


def _async_generator(timed: event, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
    """`function` with its event. What is sent or thrown in reaches it, as by ``yield from``."""

    @functools.wraps(function)
    async def iterate_async(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with timed._again(detached=True):
            inner = function(*args, **kwargs)
            step = inner.asend(None)
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it goes on to whom it is meant for
                    step = inner.athrow(thrown)
                else:
                    step = inner.asend(sent)

    return iterate_async
