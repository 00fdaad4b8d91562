"""The door for Django, sync and async: correlation, and one ``http.request`` a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import lru_cache
from sys import exc_info
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.admindocs import utils as patterns
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from logweir.propagation import CORRELATION_HEADER
from logweir.request import SERVED, Policy, Request
from logweir.wsgi import begin

_OPTIONS: Final = frozenset({"skip", "trust_inbound_ids", "slow_seconds"})


class Middleware:
    """Gives each request a correlation id and reports it with one ``http.request`` event.

    ``MIDDLEWARE = ["logweir.django.Middleware", ...]``, the first of all, since what fails outside of it has
    no correlation id. The settings' ``LOGWEIR = {"skip": ["/health"], "trust_inbound_ids": False,
    "slow_seconds": 0.5}`` says what the arguments of the other middlewares do. An exception that Django
    answers with a 500 makes the event an error. Where the ASGI or WSGI middleware stands around the
    application, that one reports, and learns from this one the route and the exception.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._policy = _policy(getattr(settings, "LOGWEIR", {}))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        got_request_exception.connect(_note, dispatch_uid="logweir")

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        if self._is_async:
            return self._serve_async(request)
        exchange = _Exchange(self._policy, request)
        try:
            response = self.get_response(request)
        except BaseException as error:
            exchange.fail(error)
            raise
        return exchange.answer(response)

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        exchange = _Exchange(self._policy, request)
        try:
            response = await self.get_response(request)
        except BaseException as error:
            exchange.fail(error)
            raise
        return exchange.answer(response)


class _Exchange:
    """One request and what becomes of its response."""

    def __init__(self, policy: Policy, request: HttpRequest) -> None:
        outer = request.META.get(SERVED) or getattr(request, "scope", {}).get(SERVED)
        self._request = request
        self._is_ours = not isinstance(outer, Request)
        self.served = outer if isinstance(outer, Request) else begin(policy, request.META, path=request.path)
        request.META[SERVED] = self.served

    def fail(self, error: BaseException) -> None:
        """The request has ended without a response."""
        self._learn_route()
        if self._is_ours:
            self.served.end(error)

    def answer(self, response: HttpResponseBase) -> HttpResponseBase:
        """The response with its correlation header; a streamed one reports when it has ended."""
        self._learn_route()
        served = self.served
        if not self._is_ours:
            return response
        served.answer(response.status_code)
        response[CORRELATION_HEADER] = served.correlation_id
        if not response.streaming:
            served.body_bytes = len(response.content)
            served.end()
            return response
        if getattr(response, "file_to_stream", None) is not None:
            length = response.headers.get("Content-Length", "")
            served.body_bytes = int(length) if length.isdecimal() else None
        elif response.is_async:
            response.streaming_content = _watched_async(served, response.streaming_content)
        else:
            response.streaming_content = _watched(served, response.streaming_content)
        response.close = _closing(response.close, served)
        served.leave()
        return response

    def _learn_route(self) -> None:
        match = getattr(self._request, "resolver_match", None)
        if match is not None and self.served.route is None:
            self.served.route = _template(match.route)


def _policy(options: Any) -> Policy:
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise ImproperlyConfigured(f"LOGWEIR[{unknown[0]!r}] is none of {', '.join(sorted(_OPTIONS))}")
    return Policy.of(
        options.get("skip", ()),
        trust_inbound_ids=options.get("trust_inbound_ids", True),
        slow_seconds=options.get("slow_seconds"),
    )


def _note(sender: Any, *, request: HttpRequest | None = None, **_: Any) -> None:  # noqa: ARG001 - the signal's
    """Remember the exception that Django is about to answer with a 500."""
    served = request.META.get(SERVED) if request is not None else None
    if isinstance(served, Request):
        served.error = exc_info()[1]


@lru_cache(maxsize=4096)
def _template(route: str) -> str:
    """A route as it is written with `path`, also of one that was written as a regular expression."""
    if any(sign in route for sign in "^$("):
        for simplify in (
            patterns.remove_non_capturing_groups,
            patterns.replace_named_groups,
            patterns.replace_unnamed_groups,
            patterns.replace_metacharacters,
        ):
            route = simplify(route)
    return f"/{route.removeprefix('/')}"


def _watched(served: Request, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The body, each piece of which is made in the request's context."""
    try:
        while True:
            with served.inside():
                chunk = next(chunks, None)
            if chunk is None:
                break
            served.body_bytes = (served.body_bytes or 0) + len(chunk)
            yield chunk
    except BaseException as error:
        served.error = error
        raise
    finally:
        served.end()


async def _watched_async(served: Request, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same for an async body."""
    try:
        while True:
            with served.inside():
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            served.body_bytes = (served.body_bytes or 0) + len(chunk)
            yield chunk
    except BaseException as error:
        served.error = error
        raise
    finally:
        served.end()


def _closing(close: Callable[[], None], served: Request) -> Callable[[], None]:
    """A response's `close`, which also ends a request whose body nobody asked for."""

    def close_and_end() -> None:
        try:
            close()
        finally:
            served.end()

    return close_and_end
