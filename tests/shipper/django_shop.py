"""A Django application, sync and async, for the tests of its middleware; also served by real servers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views import View

import logweir

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["logweir.django.Middleware"],
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="not-a-real-key",
        LOGWEIR={"skip": ["/health"], "slow_seconds": 0},
    )
    django.setup()


def order(request: HttpRequest, number: int) -> HttpResponse:
    logweir.emit("order.read", number=number)
    logweir.bind(user_id="u1")
    return HttpResponse("ok")


async def order_async(request: HttpRequest, number: int) -> HttpResponse:
    await asyncio.sleep(0)
    return order(request, number)


def broken(request: HttpRequest, number: int = 0) -> HttpResponse:
    raise RuntimeError("it broke")


async def broken_async(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("it broke")


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


class Things(View):  # type: ignore[misc]  # Django has no types
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")


def chunks() -> Iterator[bytes]:
    for number in range(3):
        logweir.emit("chunk.made", number=number)
        logweir.bind(last_chunk=number)
        yield b"x" * 10


async def chunks_async() -> AsyncIterator[bytes]:
    for chunk in chunks():
        await asyncio.sleep(0)
        yield chunk


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks_async())


def stream_broken(request: HttpRequest) -> StreamingHttpResponse:
    def failing() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("midway")

    return StreamingHttpResponse(failing())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(b"z" * 40))


urlpatterns: list[Any] = [
    path("orders/<int:number>/", order),
    path("async/orders/<int:number>/", order_async),
    path("broken/", broken),
    path("async/broken/", broken_async),
    path("unavailable/", unavailable),
    path("health", health),
    path("things/", Things.as_view()),
    path("api/", include([re_path(r"^v(?P<number>[0-9]+)/broken/$", broken)])),
    path("stream/", stream),
    path("async/stream/", stream_async),
    path("stream/broken/", stream_broken),
    path("file/", file),
]


wsgi = get_wsgi_application()
asgi = get_asgi_application()
