"""What the middlewares emit, in the service's metrics and in what Sentry gets."""

from __future__ import annotations

import asyncio
import logging
import time
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
