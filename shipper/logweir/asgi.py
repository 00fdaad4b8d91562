"""The door for ASGI applications, such as FastAPI's: correlation, and one ``http.request`` a request."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from logweir import process
from logweir.propagation import CORRELATION_HEADER
from logweir.request import SERVED, Policy, Request
from logweir.routes import Leaves, routed, template

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER: Final = CORRELATION_HEADER.lower().encode()
_FOR_ROUTING: Final = ("type", "path", "method", "root_path", "headers")
_HEADED: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_FAILED: Final = b"Internal Server Error"


class Middleware:
    """Gives each request a correlation id and reports it with one ``http.request`` event.

    ``app.add_middleware(logweir.asgi.Middleware)``, or around any ASGI application: ``app =
    Middleware(app)``; see also `instrument`. The ids that a request brings are taken where they are well
    formed, unless `trust_inbound_ids` is false. Paths in `skip` make no event, except when their handler
    raises. A response that takes `slow_seconds` or longer to begin makes an ``http.request.slow`` besides. A
    websocket makes no event, except a ``websocket.failed`` when its handler raises. Inside of another one,
    such as in a mounted application, the middleware only passes on. On shutdown all events are flushed,
    because under uvicorn `atexit` never runs.
    """

    def __init__(
        self,
        app: Application,
        *,
        skip: Collection[str] = (),
        trust_inbound_ids: bool = True,
        slow_seconds: float | None = None,
    ) -> None:
        self.app = app
        self._leaves = Leaves()
        self._policy = Policy.of(skip, trust_inbound_ids=trust_inbound_ids, slow_seconds=slow_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] in ("http", "websocket") and SERVED not in scope:
            await self._serve(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server's life, also for an application that knows nothing of it, such as Django's."""
        asked = False

        async def ask() -> Message:
            nonlocal asked
            asked = True
            return await receive()

        try:
            await self.app(scope, ask, _flushing(send))
        except Exception:
            if asked:
                raise
            for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await _flushing(send)({"type": answer})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = {key: scope[key] for key in _FOR_ROUTING if key in scope}
        is_outermost = "app" not in scope
        app = scope.get("app") or routed(self.app)
        client = scope.get("client")
        request = scope[SERVED] = Request(
            self._policy,
            scope["headers"],
            path=scope["path"],
            method=scope.get("method"),
            query=bytes(scope.get("query_string") or b"").decode("latin-1"),
            client=client[0] if client else None,
        )
        exchange = _Exchange(request, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            request.error = error
            if is_outermost and isinstance(error, Exception):
                await exchange.fail()
            raise
        finally:
            scope.pop(SERVED, None)
            with contextlib.suppress(Exception):  # an application's own routes may raise anything when asked
                request.route = request.route or self._leaves.template(app, scope) or template(app, before)
            request.end()


def instrument(app: Any, **options: Any) -> Any:
    """The application to serve, with the middleware around all that it does.

    A FastAPI or Starlette application stays what it is: ``logweir.asgi.instrument(app)``. Unlike after
    ``add_middleware`` also its answer to an unhandled exception, and what a handler of that exception logs,
    has the correlation id. Any other application is wrapped: ``app = instrument(app)``. `options` are the
    middleware's.
    """
    build = getattr(app, "build_middleware_stack", None)
    if build is None:
        return Middleware(app, **options)
    if app.middleware_stack is not None:
        app.middleware_stack = Middleware(app.middleware_stack, **options)
    app.build_middleware_stack = lambda: Middleware(build(), **options)
    return app


class _Exchange:
    """Listens to what goes between server and application."""

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._is_complete = False

    async def receive(self) -> Message:
        """Pass on one message; a client that leaves before it has its answer is remembered."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._is_complete:
            self._request.gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on one message; the response's correlation header is ours alone."""
        kind = message["type"]
        if kind in _HEADED:
            self._request.answer(int(message.get("status", 101)))
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != _HEADER]
            ours = (_HEADER, self._request.correlation_id.encode())
            message = {**message, "headers": [*headers, ours]}
        elif kind == "http.response.body":
            self._request.body_bytes = (self._request.body_bytes or 0) + len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
        elif kind == "http.response.pathsend":
            self._request.body_bytes, self._is_complete = None, True
        await self._send(message)

    async def fail(self) -> None:
        """Answer in place of the server, whose own answer to an exception has no correlation header."""
        request = self._request
        if request.method is None or request.status is not None or request.gone:
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        headers.append((b"content-length", str(len(_FAILED)).encode()))
        with contextlib.suppress(Exception):  # the application's own fault is the one to be seen
            await self.send({"type": "http.response.start", "status": 500, "headers": headers})
            await self.send({"type": "http.response.body", "body": _FAILED})


def _flushing(send: Send) -> Send:
    """`send` of the lifespan protocol; it ends the stream before the server hears that all is shut down."""

    async def flush_and_send(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await process.aclose()
        await send(message)

    return flush_and_send
