"""One request that is served: the core that the doors of ASGI, WSGI and Django share.

A door says when the request begins, what it sees of the answer, and when all is over; what is told of it, at
which level, and how often, is decided here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from logweir import context, process
from logweir.propagation import accept
from logweir.query import without_secrets
from logweir.spans import Span

SERVED: Final = "logweir.served"
"""Where a door leaves its `Request`, in the scope or environ, for doors and frameworks further inside."""

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case."""

_CANCELLED: Final = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)
_GONE: Final = frozenset({"ClientDisconnect", "WebSocketDisconnect", "ClientDisconnected", "RequestAborted"})
"""What Starlette, uvicorn and Django call a client that went away."""
_MAX_DIGITS: Final = 18
"""Of a body's size; Python refuses to read numbers of thousands of digits."""
_TOLD_OF_FAILURES: Final = frozenset(
    {b"accept", b"accept-encoding", b"accept-language", b"content-type", b"host", b"origin"}
)
"""Request headers that stand in the event of a request that failed. They identify nobody and open nothing."""

_open: Final[set[int]] = set()
"""The ids of requests that have not ended; one that a server forgets takes its own away."""
os.register_at_fork(after_in_child=_open.clear)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an application told its middleware."""

    skip: frozenset[str]
    trust_inbound_ids: bool
    slow_seconds: float | None
    """None: as `configure` and the environment say; 0: no request is slow."""

    @classmethod
    def of(cls, skip: Collection[str], *, trust_inbound_ids: bool, slow_seconds: float | None) -> Policy:
        """The policy that the arguments of a middleware mean."""
        return cls(skip=frozenset(skip), trust_inbound_ids=trust_inbound_ids, slow_seconds=slow_seconds)


def in_progress() -> int:
    """How many HTTP requests this process serves now."""
    return len(_open)


class Request:
    """One request from its first byte to its last, and the context that it gives to all events within.

    Begins with its construction. A request without a `method` is a websocket. `route` is the template, where
    the door can know it. `gone` says that the client left before it had its answer.
    """

    __slots__ = (
        *("_answered_seconds", "_client", "_ended", "_headers", "_inside", "_is_left"),
        *("_outside", "_policy", "_query", "_span", "_started"),
        *("body_bytes", "correlation_id", "error", "gone", "method", "path", "route", "status"),
    )

    def __init__(
        self,
        policy: Policy,
        headers: Headers,
        *,
        path: str,
        method: str | None = None,
        query: str = "",
        client: str | None = None,
    ) -> None:
        self.path = path
        self.method = method
        self.route: str | None = None
        self.status: int | None = None
        self.body_bytes: int | None = 0
        self.error: BaseException | None = None
        self.gone = False
        self._policy = policy
        self._headers = headers
        self._query = query
        self._client = client
        self._answered_seconds: float | None = None
        self._ended = True
        self._is_left = False
        self._outside = context.current()
        inbound = accept(headers, trust=policy.trust_inbound_ids)
        self.correlation_id: str = inbound["correlation_id"]
        self._span = Span(inbound)
        self._ended = False
        self._inside = context.current()
        self._started = perf_counter()
        if method is not None:
            _open.add(id(self))

    def __del__(self) -> None:
        _open.discard(id(self))
        if not self._ended:
            self._span.abandon()

    def answer(self, status: int) -> None:
        """The response begins with `status`."""
        self.status = status
        self._answered_seconds = perf_counter() - self._started

    def leave(self) -> None:
        """Go back to the context around the request, which goes on later `inside`."""
        self._inside = context.current()
        self._is_left = True
        context.replace(self._outside)
        self._span.leave()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The request's context, for a piece of its response that is made after it was left."""
        around = context.current()
        self._enter()
        try:
            yield
        finally:
            self._inside = context.current()
            context.replace(around)
            self._span.leave()

    def end(self, error: BaseException | None = None) -> None:
        """Report the request and leave its context; the second time nothing."""
        if self._ended:
            return
        self._ended = True
        _open.discard(id(self))
        if error is not None:
            self.error = error
        around = self._outside
        if self._is_left:
            around = context.current()
            self._enter()
        inside = context.current()
        seconds = self._span.end()
        try:
            self._report(seconds, inside)
        finally:
            self.error = None
            context.replace(around)

    def _enter(self) -> None:
        context.replace(self._inside)
        self._span.enter()

    def _report(self, seconds: float, inside: Any) -> None:
        """An exception makes it an error; a 5xx answered on purpose a warning, since whoever chose it could
        also log an error; a client that went away is no fault.
        """
        error = self.error
        if error is None and (self.method is None or self.path in self._policy.skip):
            return
        emitter = process.emitter()
        level, fields = "info", self._fields(seconds)
        if self._is_cancelled():
            fields["outcome"] = "cancelled"
            error = None
        elif error is not None or (self.status is not None and self.status >= 500):
            fields["outcome"] = "failure"
            level = "warning" if error is None else "error"
            self.status = self.status or 500  # one that has begun keeps its status, whatever fails later
            fields["error_type"] = type(error).__name__ if error is not None else str(self.status)
            fields["http_request_headers"] = self._harmless_headers()
        else:
            fields["outcome"] = "success"
        if self.method is None:
            if error is not None:
                emitter.emit("websocket.failed", level, fields, error=error, handled=False)
            return
        if self.status is not None:
            fields["http_response_status_code"] = self.status
        slow = dict(fields) if self._is_slow(seconds, emitter.settings.slow_request_seconds) else None
        emitter.emit("http.request", level, fields, error=error, handled=False)
        if slow is not None:
            context.replace(inside)  # it belongs to the request's span, and is none itself
            emitter.emit("http.request.slow", "warning", slow)

    def _is_cancelled(self) -> bool:
        error = self.error
        if isinstance(error, _CANCELLED) or type(error).__name__ in _GONE:
            return True
        return self.gone and (error is None or isinstance(error, OSError))

    def _is_slow(self, seconds: float, configured: float) -> bool:
        """Whether the response took too long to begin; how long a stream then lasts says nothing."""
        policy = self._policy.slow_seconds
        threshold = configured if policy is None else policy
        waited = seconds if self._answered_seconds is None else self._answered_seconds
        return 0 < threshold <= waited

    def _fields(self, seconds: float) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "url_path": self.path,
            "duration_seconds": seconds,
            "span_kind": "server",
        }
        if self._query:
            fields["url_query"] = without_secrets(self._query)
        if self.method is not None:
            fields["http_request_method"] = self.method
            if self.body_bytes is not None:
                fields["http_response_body_size"] = self.body_bytes
        if self.route is not None:
            fields["http_route"] = self.route
        if self._client:
            fields["client_address"] = self._client
        for name, value in self._headers:
            if name == b"user-agent":
                fields["user_agent_original"] = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit() and len(value) <= _MAX_DIGITS:
                fields["http_request_body_size"] = int(value)
        return fields

    def _harmless_headers(self) -> dict[str, str]:
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self._headers
            if name in _TOLD_OF_FAILURES
        }
