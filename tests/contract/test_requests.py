"""What the middlewares emit, in the service's metrics and in what Sentry gets."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import warnings
from typing import Any

import flask
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import logweir
from logweir.testing import CapturingSink
from tests.contract.service_in_small import ServiceInSmall

PATHS = ("/orders/7", "/slow", "/broken?token=t1")


def ask_asgi() -> None:
    async def order(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def slow(request: Request) -> PlainTextResponse:
        await asyncio.sleep(0.03)
        return PlainTextResponse("ok")

    async def broken(request: Request) -> PlainTextResponse:
        raise ZeroDivisionError("x")

    routes = [Route("/orders/{number}", order), Route("/slow", slow), Route("/broken", broken)]
    app = logweir.asgi.instrument(Starlette(routes=routes), slow_seconds=0.02)

    async def run() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for path in PATHS:
                await client.get(path)

    asyncio.run(run())


def ask_flask() -> None:
    app = flask.Flask("shop")

    def order(number: int) -> str:
        return "ok"

    def slow() -> str:
        time.sleep(0.03)
        return "ok"

    def broken() -> str:
        raise ZeroDivisionError("x")

    app.add_url_rule("/orders/<int:number>", view_func=order)
    app.add_url_rule("/slow", view_func=slow)
    app.add_url_rule("/broken", view_func=broken)
    client = logweir.flask.instrument(app, slow_seconds=0.02).test_client()
    for path in PATHS:
        client.get(path, buffered=True)


@pytest.mark.parametrize(
    ("ask", "route"), [(ask_asgi, "/orders/{number}"), (ask_flask, "/orders/<int:number>")]
)
def test_requests_count_by_route_and_slow_ones_besides(sink: CapturingSink, ask: Any, route: str) -> None:
    ask()
    service = ServiceInSmall(sink.lines)
    shown = service.metrics()
    assert shown[f"http_requests_total{{endpoint={route},method=GET,status=200}}"] == 1
    assert shown["http_requests_total{endpoint=/broken,method=GET,status=500}"] == 1
    assert shown["http_errors_total{endpoint=/broken,error_type=ZeroDivisionError,method=GET}"] == 1
    assert shown["http_request_duration_seconds_count{endpoint=/slow,method=GET}"] == 1
    assert shown["http_slow_requests_total{endpoint=/slow}"] == 1
    assert not any("http_slow_requests_total" in name and "/orders" in name for name in shown)
    assert sum(value for name, value in shown.items() if name.startswith("errors_total")) == 1


@pytest.mark.parametrize("ask", [ask_asgi, ask_flask])
def test_sentry_gets_the_failed_request_with_what_was_asked(sink: CapturingSink, ask: Any) -> None:
    ask()
    (sent,) = ServiceInSmall(sink.lines).sentry_events()
    assert sent["exception"]["values"][-1]["type"] == "ZeroDivisionError"
    assert sent["request"]["method"] == "GET"
    assert "/broken" in sent["request"]["url"]
    assert "t1" not in str(sent)
    assert sent["request"]["query_string"] == "token=[Filtered]"
    assert "host" in {name.lower() for name in sent["request"]["headers"]}


def test_one_exception_at_three_layers_is_one_error(sink: CapturingSink) -> None:
    log = logging.getLogger("shop.billing")
    log.addHandler(handler := logweir.logging.Handler())

    async def order(request: Request) -> PlainTextResponse:
        try:
            with logweir.event("db.query"):
                raise ConnectionError("lost")
        except ConnectionError as error:
            log.exception("Could not bill")
            raise RuntimeError("no bill") from error

    app = logweir.asgi.instrument(Starlette(routes=[Route("/", order)]))
    try:
        with pytest.raises(RuntimeError):
            asyncio.run(ask(app))
    finally:
        log.removeHandler(handler)
    assert len({event["error_id"] for event in sink.events}) == 1
    service = ServiceInSmall(sink.lines)
    assert sum(value for name, value in service.metrics().items() if name.startswith("errors_total")) == 1
    assert len(service.sentry_events()) == 1


async def ask(app: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        await client.get("/")


def ask_django() -> None:
    pytest.importorskip("django")
    from django.test import Client  # noqa: PLC0415 - after the settings

    from tests.shipper import django_shop  # noqa: F401, PLC0415 - these

    client = Client(raise_request_exception=False)
    for path in ("/orders/7/", "/broken/"):
        client.get(path)


def test_django_counts_as_the_others_do(sink: CapturingSink) -> None:
    ask_django()
    service = ServiceInSmall(sink.lines)
    shown = service.metrics()
    assert shown["http_requests_total{endpoint=/orders/<int:number>/,method=GET,status=200}"] == 1
    assert shown["http_errors_total{endpoint=/broken/,error_type=RuntimeError,method=GET}"] == 1
    (sent,) = service.sentry_events()
    assert sent["exception"]["values"][-1]["type"] == "RuntimeError"


@pytest.mark.parametrize("ask", [ask_flask, ask_django])
def test_what_the_framework_logs_of_a_failed_request_is_no_second_error(
    sink: CapturingSink, ask: Any
) -> None:
    logweir.capture.install("logging")
    try:
        ask()
    finally:
        logweir.capture.uninstall("logging")
    assert [event["event"] for event in sink.events if event["level"] == "error"] == [
        "log.record",
        "http.request",
    ]
    service = ServiceInSmall(sink.lines)
    assert sum(value for name, value in service.metrics().items() if name.startswith("errors_total")) == 1
    assert len(service.sentry_events()) == 1


def test_what_nobody_handled_is_an_error_of_its_class(
    sink: CapturingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *arguments: None)
    logweir.capture.install("excepthook", "asyncio", "warnings")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        loop.call_exception_handler({"message": "failed", "exception": KeyError("k")})
        loop.call_exception_handler({"message": "odd"})

    try:
        sys.excepthook(ValueError, ValueError("x"), None)
        asyncio.run(main())
        with pytest.warns(UserWarning, match="old"):
            warnings.warn("old", stacklevel=1)
    finally:
        logweir.capture.uninstall()
    service = ServiceInSmall(sink.lines)
    counted = [name for name in service.metrics() if name.startswith("errors_total")]
    assert len(counted) == 3
    assert sum("error_type=ValueError" in name or "error_type=KeyError" in name for name in counted) == 2
    promoted = [
        sent["exception"]["values"][0]["type"] for sent in service.sentry_events() if "exception" in sent
    ]
    assert sorted(promoted) == ["KeyError", "ValueError"]
