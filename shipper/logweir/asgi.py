"""The door for ASGI applications, such as FastAPI's: correlation, and one ``http.request`` a request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from logweir import context, process
from logweir.propagation import CORRELATION_HEADER, accept
from logweir.routes import routed, template
from logweir.spans import Span

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER: Final = CORRELATION_HEADER.lower().encode()
_GONE: Final = frozenset({"ClientDisconnect", "WebSocketDisconnect"})
"""Starlette's names for a client that went away."""


_SERVED: Final = "logweir.served"
"""In a scope: a middleware around this one reports the request."""
_MAX_DIGITS: Final = 18
"""Of a body's size; Python refuses to read numbers of thousands of digits."""


class Middleware:
    """Gives each request a correlation id and reports it with one ``http.request`` event.

    ``app.add_middleware(logweir.asgi.Middleware)``, or around any ASGI application: ``app =
    Middleware(app)``. The ids that a request brings are taken where they are well formed, unless
    `trust_inbound_ids` is false. Paths in `skip` make no event, except when their handler raises. A
    websocket makes none, except a ``websocket.failed`` when its handler raises. Inside of another one, such
    as in a mounted application, the middleware only passes on. On shutdown all events are flushed, because
    under uvicorn `atexit` never runs.
    """

    def __init__(
        self, app: Application, *, skip: Collection[str] = (), trust_inbound_ids: bool = True
    ) -> None:
        self.app = app
        self._skip = frozenset(skip)
        self._trust = trust_inbound_ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _flushing(send))
        elif scope["type"] in ("http", "websocket") and _SERVED not in scope:
            scope[_SERVED] = True
            try:
                await self._serve(scope, receive, send)
            finally:
                del scope[_SERVED]
        else:
            await self.app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        earlier = context.current()
        inbound = accept(scope["headers"], trust=self._trust)
        request = _Request(self.app, scope, inbound["correlation_id"], send)
        span = Span(inbound)
        error: BaseException | None = None
        try:
            await self.app(scope, receive, request.send)
        except BaseException as fault:
            error = fault
            raise
        finally:
            seconds = span.end()
            try:
                if error is not None or (scope["type"] == "http" and request.path not in self._skip):
                    request.report(seconds, error)
            finally:
                context.replace(earlier)


class _Request:
    """What is known of one request, and seen of its response."""

    def __init__(self, app: Application, scope: Scope, correlation_id: str, send: Send) -> None:
        self.path: str = scope["path"]
        self._method = scope.get("method")
        self._app = scope.get("app") or routed(app)
        self._before = {
            key: scope[key] for key in ("type", "path", "method", "root_path", "headers") if key in scope
        }
        self._client = scope.get("client")
        self._correlation_id = correlation_id.encode()
        self._send = send
        self._status: int | None = None
        self._body_bytes = 0

    async def send(self, message: Message) -> None:
        """Pass on one message; the response's correlation header is ours alone."""
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != _HEADER]
            message = {**message, "headers": [*headers, (_HEADER, self._correlation_id)]}
        elif message["type"] == "http.response.body":
            self._body_bytes += len(message.get("body", b""))
        await self._send(message)

    def report(self, seconds: float, error: BaseException | None) -> None:
        """Emit the request's event.

        An exception makes it an error; a 5xx answered on purpose a warning, since whoever chose it could
        also log an error; a client that went away is no fault.
        """
        fields = self._fields(seconds)
        level, status = "info", self._status
        if error is not None and (isinstance(error, asyncio.CancelledError) or type(error).__name__ in _GONE):
            fields["outcome"] = "cancelled"
            error = None
        elif error is not None or (status is not None and status >= 500):
            fields["outcome"] = "failure"
            level = "warning" if error is None else "error"
            status = status or 500  # a response that has begun keeps its status, whatever fails later
            if error is None:
                fields["error_type"] = str(status)
        else:
            fields["outcome"] = "success"
        if self._method is not None:
            if status is not None:
                fields["http_response_status_code"] = status
            process.emitter().emit("http.request", level, fields, error=error, handled=False)
        elif error is not None:
            process.emitter().emit("websocket.failed", level, fields, error=error, handled=False)

    def _fields(self, seconds: float) -> dict[str, Any]:
        fields = {"url_path": self.path, "duration_seconds": seconds, "span_kind": "server"}
        if self._method is not None:
            fields["http_request_method"] = self._method
            fields["http_response_body_size"] = self._body_bytes
        with contextlib.suppress(
            Exception
        ):  # an application's own routes may raise anything when asked again
            route = template(self._app, self._before)
            if route is not None:
                fields["http_route"] = route
        if self._client:
            fields["client_address"] = self._client[0]
        for name, value in self._before["headers"]:
            if name == b"user-agent":
                fields["user_agent_original"] = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit() and len(value) <= _MAX_DIGITS:
                fields["http_request_body_size"] = int(value)
        return fields


def _flushing(send: Send) -> Send:
    """`send` of the lifespan protocol; it ends the stream before the server hears that all is shut down."""

    async def flush_and_send(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await process.aclose()
        await send(message)

    return flush_and_send
