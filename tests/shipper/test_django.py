"""Django, sync and async: one event a request, with the exception that Django answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, override_settings

import logweir
from logweir import context, request
from logweir.testing import CapturingSink
from tests.shipper import django_shop

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def ask_sync(path: str, **headers: str) -> Any:
    return Client(raise_request_exception=False).get(path, headers=headers or None)


def ask_async(path: str, **headers: str) -> Any:
    async def ask() -> Any:
        response = await AsyncClient(raise_request_exception=False).get(path, headers=headers or None)
        if response.streaming:
            parts = [part async for part in response.streaming_content]
            response.close()
            return response, parts
        return response

    return asyncio.run(ask())


WAYS = pytest.mark.parametrize(("ask", "prefix"), [(ask_sync, ""), (ask_async, ""), (ask_async, "/async")])
Ask = Callable[..., Any]


@WAYS
def test_a_request_is_one_event_with_what_is_known_of_it(sink: CapturingSink, ask: Ask, prefix: str) -> None:
    answer = ask(f"{prefix}/orders/17/?page=2", **{"User-Agent": "tester"})
    read, event = sink.events
    assert answer.headers["X-Correlation-ID"] == event["correlation_id"] == read["correlation_id"]
    assert read["parent_span_id"] == event["span_id"]
    told = {
        key: event[key] for key in event if key.startswith(("http_", "url_", "client_", "user_", "span_k"))
    }
    assert told == {
        "http_request_method": "GET",
        "http_route": f"{prefix}/orders/<int:number>/",
        "http_response_status_code": 200,
        "http_response_body_size": 2,
        "url_path": f"{prefix}/orders/17/",
        "url_query": "page=2",
        "client_address": "127.0.0.1",
        "user_agent_original": "tester",
        "user_id": "u1",
        "span_kind": "server",
    }
    assert (event["level"], event["outcome"]) == ("info", "success")
    assert not context.current()
    assert request.in_progress() == 0


@WAYS
def test_an_exception_that_django_answers_is_exactly_one_error(
    sink: CapturingSink, ask: Ask, prefix: str
) -> None:
    answer = ask(f"{prefix}/broken/")
    (event,) = sink.events
    assert answer.status_code == 500
    assert answer.headers["X-Correlation-ID"] == event["correlation_id"]
    assert (event["level"], event["outcome"], event["error_type"]) == ("error", "failure", "RuntimeError")
    assert event["exception"][0]["handled"] is False
    assert event["http_route"] == f"{prefix}/broken/"


@pytest.mark.parametrize("ask", [ask_sync, ask_async])
def test_an_exception_that_django_hands_on_is_an_error_too(sink: CapturingSink, ask: Ask) -> None:
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True), pytest.raises(RuntimeError):
        ask("/broken/")
    (event,) = sink.events
    assert (event["error_type"], event["http_route"]) == ("RuntimeError", "/broken/")


def test_other_answers_have_their_level_and_their_route_where_one_is_known(sink: CapturingSink) -> None:
    for path in ("/unavailable/", "/nowhere/", "/health", "/api/v2/broken/"):
        ask_sync(path)
    Client().post("/things/")
    failed, missing, broken, refused = sink.events
    assert (failed["level"], failed["outcome"], failed["error_type"]) == ("warning", "failure", "503")
    assert (missing["level"], missing["http_response_status_code"]) == ("info", 404)
    assert "http_route" not in missing
    assert broken["http_route"] == "/api/v<number>/broken/"
    assert (refused["http_route"], refused["http_response_status_code"]) == ("/things/", 405)


def test_a_stream_is_in_the_requests_context_and_reported_at_its_end(sink: CapturingSink) -> None:
    answer = ask_sync("/stream/")
    assert not sink.events
    assert request.in_progress() == 1
    assert not context.current()
    with pytest.raises(KeyError), logweir.event("job.run"):
        raise KeyError
    assert sink.events[-1]["level"] == "error", "it is inside of no request"
    sink.clear()
    assert b"".join(answer.streaming_content) == b"x" * 30
    check_stream(sink, answer.headers["X-Correlation-ID"], "/stream/")


def test_an_async_stream_is_in_the_requests_context_and_reported_at_its_end(sink: CapturingSink) -> None:
    answer, parts = ask_async("/async/stream/")
    assert b"".join(parts) == b"x" * 30
    check_stream(sink, answer.headers["X-Correlation-ID"], "/async/stream/")


def check_stream(sink: CapturingSink, correlation_id: str, route: str) -> None:
    *chunks, event = sink.events
    assert len(chunks) == 3
    assert {chunk["correlation_id"] for chunk in chunks} == {correlation_id}
    assert {chunk["parent_span_id"] for chunk in chunks} == {event["span_id"]}
    assert event["correlation_id"] == correlation_id
    assert (event["http_response_body_size"], event["outcome"]) == (30, "success")
    assert event["http_route"] == route
    assert event["last_chunk"] == 2, "what a piece bound is bound in the next, too"
    assert chunks[2]["last_chunk"] == 1
    assert request.in_progress() == 0


@pytest.mark.parametrize("begun", [False, True])
def test_a_stream_that_is_closed_early_is_cancelled_once_it_has_begun(
    sink: CapturingSink, begun: bool
) -> None:
    answer = ask_sync("/stream/")
    if begun:
        next(answer.streaming_content)
    answer.close()
    event = sink.events[-1]
    assert (event["outcome"], event["level"]) == ("cancelled" if begun else "success", "info")
    assert event["correlation_id"] == answer.headers["X-Correlation-ID"]
    assert request.in_progress() == 0


def test_a_stream_that_fails_is_an_error_of_its_status(sink: CapturingSink) -> None:
    answer = ask_sync("/stream/broken/")
    with pytest.raises(ValueError, match="midway"):
        list(answer.streaming_content)
    (event,) = sink.events
    assert (event["level"], event["error_type"], event["http_response_status_code"]) == (
        "error",
        "ValueError",
        200,
    )


def test_a_file_is_still_sent_by_the_server_itself(sink: CapturingSink) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/file/", "wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    body: Any = django_shop.wsgi(environ, lambda *arguments: None)
    assert type(body) is FileWrapper
    assert b"".join(body) == b"z" * 40
    assert not sink.events
    body.close()
    (event,) = sink.events
    assert (event["http_response_body_size"], event["outcome"]) == (40, "success")


def test_ids_are_taken_from_a_trusted_request_only(sink: CapturingSink) -> None:
    ask_sync("/orders/1/", traceparent=f"00-{TRACE}-{PARENT}-01")
    with override_settings(LOGWEIR={"trust_inbound_ids": False}):
        ask_sync("/orders/1/", traceparent=f"00-{TRACE}-{PARENT}-01")
    trusted, untrusted = sink.named("http.request")
    assert (trusted["correlation_id"], trusted["parent_span_id"]) == (TRACE, PARENT)
    assert untrusted["correlation_id"] != TRACE


@WAYS
def test_among_other_middleware_it_is_what_they_take_it_for(
    sink: CapturingSink, ask: Ask, prefix: str
) -> None:
    around = ["django.middleware.security.SecurityMiddleware", "logweir.django.Middleware"]
    with override_settings(MIDDLEWARE=[*around, "django.middleware.common.CommonMiddleware"]):
        answer = ask(f"{prefix}/orders/1/")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Correlation-ID"] == sink.named("http.request")[0]["correlation_id"]


def test_a_slow_request_is_an_event_of_its_own(sink: CapturingSink) -> None:
    with override_settings(LOGWEIR={"slow_seconds": 0.000_001}):
        ask_sync("/orders/1/")
    (slow,) = sink.named("http.request.slow")
    assert slow["http_route"] == "/orders/<int:number>/"


def test_a_misspelt_setting_is_refused_at_start() -> None:
    wrong = override_settings(LOGWEIR={"skipp": ["/health"]})
    with wrong, pytest.raises(ImproperlyConfigured, match="'skipp'] is none of skip, slow_seconds, trust"):
        ask_sync("/orders/1/")


def test_inside_of_the_asgi_door_that_one_reports_what_django_knows(sink: CapturingSink) -> None:
    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(logweir.asgi.instrument(django_shop.asgi))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [await client.get(path) for path in ("/async/broken/", "/async/stream/")]

    broken, stream = asyncio.run(run())
    error, *chunks, event = sink.events
    assert (error["http_route"], error["error_type"], error["level"]) == (
        "/async/broken/",
        "RuntimeError",
        "error",
    )
    assert broken.headers.get_list("x-correlation-id") == [error["correlation_id"]]
    assert stream.headers.get_list("x-correlation-id") == [event["correlation_id"]]
    assert {chunk["parent_span_id"] for chunk in chunks} == {event["span_id"]}
    assert (event["http_route"], event["http_response_body_size"]) == ("/async/stream/", 30)


def test_inside_of_the_wsgi_door_that_one_reports_what_django_knows(sink: CapturingSink) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/broken/"}
    setup_testing_defaults(environ)
    heads: list[Any] = []
    body: Any = logweir.wsgi.Middleware(django_shop.wsgi)(environ, lambda *head: heads.append(head))
    b"".join(body)
    body.close()
    (event,) = sink.events
    assert (event["http_route"], event["error_type"]) == ("/broken/", "RuntimeError")
    names = [name.lower() for name, _ in heads[0][1]]
    assert names.count("x-correlation-id") == 1
