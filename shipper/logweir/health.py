"""Whether what an application depends on answers: ``health.check`` events, and a route that tells it.

::

    health = logweir.Health()

    @health.check("postgres", timeout_seconds=1)
    def ping() -> None:
        connection.execute("SELECT 1")

    logweir.configure("shop", samplers=["load", health])
    app.add_api_route("/health", health.route)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http import HTTPStatus
from importlib import import_module
from inspect import Signature
from typing import Any, Final, TypeVar

import orjson

from logweir.dependency import Check, Dependency, Result, Run
from logweir.process import emitter

CHECK_SECONDS: Final = 30.0
TIMEOUT_SECONDS: Final = 2.0
FRESH_SECONDS: Final = 5.0

Function = TypeVar("Function", bound=Check)
_Message = MutableMapping[str, Any]

_HEADERS: Final = (("content-type", "application/json"), ("cache-control", "no-store"))


class Health:
    """The dependencies of an application, checked when the route is asked and, as a sampler, at intervals.

    An object is an ASGI application; `wsgi` is the same for WSGI, `route` a function for FastAPI's
    ``add_api_route`` and Starlette's ``Route``. The answer is 200, or 503 where a critical dependency fails,
    and JSON with each check, the version and the environment. It tells the class of an error and never its
    text.

    A result counts for `fresh_seconds`, so that no prober can wear a dependency out. Given to
    ``configure(samplers=...)``, everything is checked every `seconds` seconds besides. Each check that ends
    is one ``health.check`` event.
    """

    def __init__(self, *, seconds: float = CHECK_SECONDS, fresh_seconds: float = FRESH_SECONDS) -> None:
        self.seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._dependencies: dict[str, Dependency] = {}
        self.route = _route(self)

    def add(
        self,
        dependency: str,
        check: Check,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        critical: bool = True,
    ) -> None:
        """Check `dependency` by calling `check`, a plain or an async function without arguments.

        It is healthy unless the check raises, returns False, or takes longer than `timeout_seconds`. One
        that is not `critical` is told and leaves the answer at 200. It is called in a thread. What it returns
        to be awaited is awaited in the event loop that was running here or that served the route last, where
        connections belong to; else in a loop of its own.
        """
        self._dependencies[dependency] = Dependency(
            dependency, check, timeout_seconds=timeout_seconds, critical=critical
        )

    def check(
        self, dependency: str, *, timeout_seconds: float = TIMEOUT_SECONDS, critical: bool = True
    ) -> Callable[[Function], Function]:
        """`add` as a decorator."""

        def added(function: Function) -> Function:
            self.add(dependency, function, timeout_seconds=timeout_seconds, critical=critical)
            return function

        return added

    def sample(self) -> None:
        """Check everything, and wait for it."""
        for run in self._begin(fresh_seconds=0.0):
            run.wait()

    def report(self) -> tuple[int, dict[str, Any]]:
        """The status and the content of the answer, for a route of your own that may block."""
        return self._report([run.wait() for run in self._begin(fresh_seconds=self._fresh_seconds)])

    async def areport(self) -> tuple[int, dict[str, Any]]:
        """The same without holding up the event loop."""
        loop = asyncio.get_running_loop()
        for dependency in list(self._dependencies.values()):
            dependency.runs_in(loop)
        begun = self._begin(fresh_seconds=self._fresh_seconds)
        return self._report([await run.wait_async() for run in begun])

    async def __call__(
        self,
        scope: _Message,
        receive: Any,  # noqa: ARG002 - nobody asks with a body
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one ASGI request; of any other kind of connection it knows nothing."""
        if scope["type"] != "http":
            return
        status, content = await self.areport() if scope["method"] in _READING else _NOT_ALLOWED
        body = orjson.dumps(content)
        headers = [(name.encode(), value.encode()) for name, value in _headers(body)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """Answer one WSGI request."""
        method = environ.get("REQUEST_METHOD", "GET")
        status, content = self.report() if method in _READING else _NOT_ALLOWED
        body = orjson.dumps(content)
        start_response(f"{status} {HTTPStatus(status).phrase}", _headers(body))
        return [b"" if method == "HEAD" else body]

    def _begin(self, *, fresh_seconds: float) -> list[Run]:
        return [each.begin(fresh_seconds=fresh_seconds) for each in list(self._dependencies.values())]

    def _report(self, results: Collection[Result]) -> tuple[int, dict[str, Any]]:
        failed = [each for each in results if not each.healthy]
        is_down = any(each.critical for each in failed)
        settings = emitter().settings
        return (
            503 if is_down else 200,
            {
                "status": "failed" if is_down else "degraded" if failed else "ok",
                "service": settings.service,
                "version": settings.version,
                "environment": settings.environment,
                "checks": {each.dependency: each.told() for each in results},
            },
        )


_READING: Final = frozenset({"GET", "HEAD"})
_NOT_ALLOWED: Final = (405, {"error": "method_not_allowed"})


def _route(health: Health) -> Callable[..., Awaitable[Any]]:
    """What FastAPI calls without arguments, Starlette with a request; both want Starlette's response."""

    async def health_route(*_request: Any) -> Any:
        status, content = await health.areport()
        response = import_module("starlette.responses").Response
        return response(orjson.dumps(content), status, dict(_HEADERS))

    # FastAPI would take *_request for a parameter of the query
    health_route.__signature__ = Signature()  # type: ignore[attr-defined]
    return health_route


def _headers(body: bytes) -> list[tuple[str, str]]:
    return [*_HEADERS, ("content-length", str(len(body)))]
