"""The door for httpx: correlation headers on the way out, and one ``external.call`` a request."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx

from logweir.propagation import provide
from logweir.timed import event

Client = TypeVar("Client", httpx.Client, httpx.AsyncClient)


class Transport(httpx.BaseTransport):
    """Wraps the transport of a sync client: ``httpx.Client(transport=logweir.httpx.Transport())``."""

    def __init__(self, inner: httpx.BaseTransport | None = None, *, peer_service: str | None = None) -> None:
        self._inner = inner or httpx.HTTPTransport()
        self._peer_service = peer_service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; redirects and retries are requests of their own."""
        with _call(request, self._peer_service) as call:
            _add_headers(request)
            response = self._inner.handle_request(request)
            _note(call, response)
            return response

    def close(self) -> None:
        """Close the wrapped transport."""
        self._inner.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """Wraps the transport of an async client."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport | None = None, *, peer_service: str | None = None
    ) -> None:
        self._inner = inner or httpx.AsyncHTTPTransport()
        self._peer_service = peer_service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; redirects and retries are requests of their own."""
        with _call(request, self._peer_service) as call:
            _add_headers(request)
            response = await self._inner.handle_async_request(request)
            _note(call, response)
            return response

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()


def instrument(client: Client, *, peer_service: str | None = None) -> Client:
    """Wrap the transports of a client that exists already, proxies included, and give it back.

    `peer_service` names what is called in metrics; by default it is the host. The duration is until the
    response's headers came; a request that failed on the network is an event too.
    """
    inside: Any = client
    wrapper: Any = AsyncTransport if isinstance(inside, httpx.AsyncClient) else Transport
    if not isinstance(inside._transport, wrapper):
        inside._transport = wrapper(inside._transport, peer_service=peer_service)
        inside._mounts = {
            pattern: mounted and wrapper(mounted, peer_service=peer_service)
            for pattern, mounted in inside._mounts.items()
        }
    return client


def _call(request: httpx.Request, peer_service: str | None) -> event:
    return event(
        "external.call",
        peer_service=peer_service or request.url.host,
        server_address=request.url.host,
        http_request_method=request.method,
        url_path=request.url.path,
        span_kind="client",
    )


def _add_headers(request: httpx.Request) -> None:
    """Give the request the ids of its span, unless the caller chose others.

    A retry, or the request that follows a redirect, comes with those of the one before.
    """
    ours = request.extensions.setdefault("logweir", {})
    for name, value in provide().items():
        if request.headers.get(name) == ours.get(name):
            request.headers[name] = ours[name] = value


def _note(call: event, response: httpx.Response) -> None:
    status = response.status_code
    call["http_response_status_code"] = status
    if status >= 400:
        call["outcome"] = "failure"
        call["error_type"] = str(status)
