"""One event a request, correlated, and in agreement with prometheus-fastapi-instrumentator."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocket, WebSocketDisconnect

import logweir
from logweir import context
from logweir.request import in_progress
from logweir.testing import CapturingSink
from tests.shipper.service import PlayedService

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
HEX32 = re.compile(r"[0-9a-f]{32}")


def requests(
    app: Any, *paths: tuple[str, str], headers: dict[str, str] | None = None
) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [await client.request(method, path, headers=headers) for method, path in paths]

    return asyncio.run(run())


async def failing_midway() -> AsyncIterator[bytes]:
    yield b"a"
    raise RuntimeError("midway")


def shop() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{order_id}")
    async def order(order_id: int) -> dict[str, int]:
        logweir.emit("order.read", order_id=order_id)
        return {"order_id": order_id}

    @app.post("/orders")
    def place() -> dict[str, bool]:
        logweir.emit("order.placed")
        return {"ok": True}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("Bearer abcdefghijklmnop is broken")

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    @app.get("/slash/")
    async def slash() -> str:
        return "ok"

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.get("/broken-later")
    async def broken_later(tasks: BackgroundTasks) -> str:
        tasks.add_task(broken)
        return "ok"

    @app.get("/broken-stream")
    async def broken_stream() -> StreamingResponse:
        return StreamingResponse(failing_midway())

    router = APIRouter(prefix="/v2")

    @router.get("/things/{name}")
    async def thing(name: str) -> str:
        return name

    app.include_router(router, prefix="/api")

    async def inner(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    app.mount(
        "/sub", Starlette(routes=[Route("/items/{item}", inner), Mount("/deep", routes=[Route("/x", inner)])])
    )
    sub = FastAPI()

    @sub.get("/admin/{page}")
    async def admin(page: str) -> str:
        return page

    app.mount("/fast", sub)
    return app


def test_a_request_is_one_event_with_what_is_known_of_it(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    (answer,) = requests(app, ("GET", "/orders/17"), headers={"user-agent": "tester"})
    read, request = sink.events
    correlation_id = request["correlation_id"]
    assert HEX32.fullmatch(correlation_id)
    assert answer.headers["x-correlation-id"] == correlation_id == read["correlation_id"]
    assert read["parent_span_id"] == request["span_id"]
    assert "span_id" not in read
    assert "parent_span_id" not in request
    assert request["duration_seconds"] >= 0
    volatile = {
        "timestamp",
        "span_id",
        "correlation_id",
        "duration_seconds",
        "server_name",
        "service_instance_id",
    }
    assert {key: value for key, value in request.items() if key not in volatile} == {
        "event": "http.request",
        "level": "info",
        "service": "shop",
        "http_request_method": "GET",
        "http_route": "/orders/{order_id}",
        "url_path": "/orders/17",
        "http_response_status_code": 200,
        "http_response_body_size": len(answer.content),
        "client_address": "127.0.0.1",
        "user_agent_original": "tester",
        "outcome": "success",
        "span_kind": "server",
    }


@pytest.mark.parametrize("outside", [False, True])
def test_an_unhandled_exception_is_exactly_one_error(sink: CapturingSink, outside: bool) -> None:
    app: Any = shop()
    if outside:
        app = logweir.asgi.Middleware(app)
    else:
        app.add_middleware(logweir.asgi.Middleware)
    (answer,) = requests(app, ("GET", "/broken"))
    assert answer.status_code == 500
    (request,) = sink.events
    assert request["level"] == "error"
    assert request["outcome"] == "failure"
    assert request["http_response_status_code"] == 500
    assert request["http_route"] == "/broken"
    assert request["error_type"] == "RuntimeError"
    (raised,) = request["exception"]
    assert raised["handled"] is False
    assert raised["value"] == "Bearer [redacted] is broken"
    assert raised["frames"][-1]["function"] == "shop.<locals>.broken"
    assert raised["frames"][-1]["in_app"] is True
    assert not raised["frames"][0]["in_app"]
    if outside:
        assert answer.headers.get_list("x-correlation-id") == [request["correlation_id"]]


@pytest.mark.parametrize("path", ["/broken-later", "/broken-stream"])
def test_what_fails_after_the_response_has_begun_is_an_error_of_its_status(
    sink: CapturingSink, path: str
) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    requests(app, ("GET", path))
    (request,) = sink.events
    assert (request["level"], request["outcome"]) == ("error", "failure")
    assert request["http_response_status_code"] == 200
    assert request["error_type"] == "RuntimeError"


def test_a_5xx_on_purpose_is_a_warning_named_after_its_status(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    requests(app, ("GET", "/unavailable"), ("GET", "/nowhere"))
    failed, missing = sink.events
    assert (failed["level"], failed["outcome"], failed["error_type"]) == ("warning", "failure", "503")
    assert "exception" not in failed
    assert (missing["level"], missing["outcome"]) == ("info", "success")
    assert "http_route" not in missing


@pytest.mark.parametrize(
    ("headers", "correlation_id", "trace_id", "parent"),
    [
        ({"traceparent": f"00-{TRACE}-{PARENT}-01"}, TRACE, None, PARENT),
        ({"X-Correlation-ID": "order-1"}, "order-1", "derived", None),
        ({"X-Request-ID": "r.1:2"}, "r.1:2", "derived", None),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Correlation-ID": "order-1"}, "order-1", TRACE, PARENT),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "r1"}, TRACE, None, PARENT),
        ({"traceparent": f"00-{'0' * 32}-{PARENT}-01"}, None, None, None),
        ({"traceparent": f"ff-{TRACE}-{PARENT}-01"}, None, None, None),
        ({"X-Correlation-ID": "evil\u00e9 <script>"}, None, None, None),
        ({"X-Correlation-ID": "x" * 129}, None, None, None),
    ],
)
def test_ids_are_taken_where_well_formed_and_replaced_where_not(
    sink: CapturingSink,
    headers: dict[str, str],
    correlation_id: str | None,
    trace_id: str | None,
    parent: str | None,
) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    (answer,) = requests(app, ("GET", "/health"), headers=raw)  # type: ignore[arg-type]
    (request,) = sink.events
    if correlation_id is None:
        assert HEX32.fullmatch(request["correlation_id"])
        assert b"evil" not in sink.lines[0]
        assert b"xxx" not in sink.lines[0]
    else:
        assert request["correlation_id"] == correlation_id
    assert answer.headers["x-correlation-id"] == request["correlation_id"]
    assert request.get("parent_span_id") == parent
    if trace_id == "derived":
        assert HEX32.fullmatch(request["trace_id"])
    else:
        assert request.get("trace_id") == trace_id


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_the_callers_choice_to_sample_is_kept(sink: CapturingSink, flags: str, sampled: bool) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    requests(app, ("GET", "/health"), headers={"traceparent": f"00-{TRACE}-{PARENT}-{flags}"})
    assert sink.events[0]["trace_sampled"] is sampled


def test_ids_that_are_not_trusted_are_passed_over(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware, trust_inbound_ids=False)
    requests(app, ("GET", "/health"), headers={"X-Correlation-ID": "order-1"})
    assert sink.events[0]["correlation_id"] != "order-1"


def test_the_context_is_reset_after_each_request_and_the_header_never_doubled(sink: CapturingSink) -> None:
    async def run() -> None:
        logweir.bind(job="outer")
        before = context.current()
        sent: list[Any] = []

        async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            logweir.bind(user_id="u1")
            headers = [(b"X-Correlation-Id", b"theirs"), (b"x-other", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"hi"})

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {"type": "http", "path": "/", "method": "GET", "headers": [], "client": None}
        await logweir.asgi.Middleware(app)(scope, None, send)  # type: ignore[arg-type]
        assert context.current() == before
        names = [name for name, _ in sent[0]["headers"]]
        assert names == [b"x-other", b"x-correlation-id"]

    asyncio.run(run())
    (request,) = sink.events
    assert request["user_id"] == "u1", "what the handler bound is in the request's event"
    assert "job" not in request


@pytest.mark.parametrize("length", ["2", "2" * 5000])
def test_the_size_of_a_body_is_known_where_it_is_a_number(sink: CapturingSink, length: str) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    (answer,) = requests(app, ("GET", "/health"), headers={"content-length": length})
    assert answer.status_code == 200
    assert sink.events[0].get("http_request_body_size") == (2 if length == "2" else None)


def test_an_application_mounted_in_another_is_reported_once(sink: CapturingSink) -> None:
    async def inner(request: Request) -> PlainTextResponse:
        logweir.emit("inside.it")
        return PlainTextResponse("ok")

    mounted = Starlette(routes=[Route("/items/{item}", inner)])
    mounted.add_middleware(logweir.asgi.Middleware)
    app = logweir.asgi.Middleware(Starlette(routes=[Mount("/sub", mounted)]))
    (answer,) = requests(app, ("GET", "/sub/items/3"))
    inside, request = sink.events
    assert request["http_route"] == "/sub/items/{item}"
    assert inside["correlation_id"] == request["correlation_id"]
    assert answer.headers.get_list("x-correlation-id") == [request["correlation_id"]]


def test_a_failed_websocket_is_one_error_and_any_other_nothing(sink: CapturingSink) -> None:
    app = FastAPI()
    app.add_middleware(logweir.asgi.Middleware)

    @app.websocket("/rooms/{room}")
    async def enter(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        if room == "left":
            await websocket.receive_text()
        if room == "broken":
            raise RuntimeError("x")

    sent: list[Any] = []

    async def connect(room: str) -> None:
        incoming = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}])

        async def receive() -> Any:
            return next(incoming)

        async def send(message: Any) -> None:
            sent.append(message)

        path = f"/rooms/{room}"
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "subprotocols": []}
        await app(scope, receive, send)

    asyncio.run(connect("fine"))
    with contextlib.suppress(WebSocketDisconnect):
        asyncio.run(connect("left"))
    with pytest.raises(RuntimeError):
        asyncio.run(connect("broken"))
    (failed,) = sink.events
    assert (failed["event"], failed["level"], failed["outcome"]) == ("websocket.failed", "error", "failure")
    assert (failed["http_route"], failed["url_path"]) == ("/rooms/{room}", "/rooms/broken")
    assert failed["error_type"] == "RuntimeError"
    assert "http_response_status_code" not in failed
    ours = (b"x-correlation-id", failed["correlation_id"].encode())
    assert (sent[-1]["type"], ours in sent[-1]["headers"]) == ("websocket.accept", True)


def test_skipped_paths_make_no_event_unless_they_fail(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware, skip=("/health", "/broken"))
    requests(app, ("GET", "/health"), ("GET", "/broken"))
    assert [event["url_path"] for event in sink.events] == ["/broken"]


def test_a_cancelled_request_is_no_error(sink: CapturingSink) -> None:
    async def run() -> None:
        started = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            started.set()
            await asyncio.sleep(60)

        scope: dict[str, Any] = {"type": "http", "path": "/", "method": "GET", "headers": [], "client": None}
        task = asyncio.create_task(logweir.asgi.Middleware(app)(scope, None, None))  # type: ignore[arg-type]
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    (request,) = sink.events
    assert (request["outcome"], request["level"]) == ("cancelled", "info")
    assert "http_response_status_code" not in request
    assert "exception" not in request


def test_a_client_that_went_away_is_no_error(sink: CapturingSink) -> None:
    async def read(request: Request) -> PlainTextResponse:
        raise ClientDisconnect

    requests(logweir.asgi.Middleware(Starlette(routes=[Route("/", read)])), ("GET", "/"))
    (request,) = sink.events
    assert (request["outcome"], request["level"]) == ("cancelled", "info")
    assert "exception" not in request


def test_an_instrumented_application_stays_itself_and_its_500_is_correlated(sink: CapturingSink) -> None:
    app = shop()

    @app.exception_handler(Exception)
    async def sorry(request: Request, error: Exception) -> PlainTextResponse:
        logweir.emit("sorry.said")
        return PlainTextResponse("sorry", 500)

    assert logweir.asgi.instrument(app, skip=("/health",)) is app
    broken, _ = requests(app, ("GET", "/broken"), ("GET", "/health"))
    said, event = sink.events
    assert broken.text == "sorry"
    assert (
        broken.headers.get_list("x-correlation-id") == [event["correlation_id"]] == [said["correlation_id"]]
    )
    assert (event["level"], event["http_route"]) == ("error", "/broken")
    assert event["http_request_headers"]["host"] == "shop"


def test_an_application_that_was_served_already_can_be_instrumented(sink: CapturingSink) -> None:
    app = shop()
    requests(app, ("GET", "/health"))
    logweir.asgi.instrument(app)
    requests(app, ("GET", "/health"))
    assert len(sink.named("http.request")) == 1


def test_the_500_of_an_application_that_answers_nothing_is_correlated(sink: CapturingSink) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("x")

    (answer,) = requests(logweir.asgi.instrument(bare), ("GET", "/"))
    (event,) = sink.events
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["x-correlation-id"] == event["correlation_id"]
    assert (event["level"], event["http_response_status_code"]) == ("error", 500)


def test_secret_parameters_of_a_query_are_hidden(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    requests(app, ("GET", "/health?page=2&api%5Fkey=k1&code=c1&flag"))
    assert sink.events[0]["url_query"] == "page=2&api%5Fkey=[redacted]&code=[redacted]&flag"


@pytest.mark.parametrize("raises", [False, True])
def test_a_client_that_leaves_before_the_end_cancels_its_request(sink: CapturingSink, raises: bool) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"a"
            await asyncio.sleep(0.001)

    async def stream(request: Request) -> StreamingResponse:
        if raises:
            assert await request.is_disconnected()
            raise KeyError("not the client's fault")
        return StreamingResponse(endless())

    async def run() -> None:
        app = logweir.asgi.Middleware(Starlette(routes=[Route("/", stream)]))
        scope: dict[str, Any] = {"type": "http", "path": "/", "method": "GET", "headers": []}

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        await app({**scope, "query_string": b""}, receive, send)

    with contextlib.suppress(KeyError):
        asyncio.run(run())
    (event,) = sink.events
    assert event["outcome"] == ("failure" if raises else "cancelled")
    assert event["level"] == ("error" if raises else "info")


@pytest.mark.parametrize(
    ("argument", "configured", "expected"),
    [(None, None, []), (None, 0.01, ["/slow"]), (0.01, None, ["/slow"]), (0, 0.01, [])],
)
def test_a_request_that_is_slow_to_answer_is_an_event_of_its_own(
    sink: CapturingSink, argument: float | None, configured: float | None, expected: list[str]
) -> None:
    logweir.configure("shop", to=sink, slow_request_seconds=configured)

    async def slow(request: Request) -> PlainTextResponse:
        await asyncio.sleep(0.03)
        return PlainTextResponse("ok")

    async def trickle() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.03)
        yield b"a"

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(trickle())

    app = Starlette(routes=[Route("/slow", slow), Route("/stream", stream)])
    requests(logweir.asgi.Middleware(app, slow_seconds=argument), ("GET", "/slow"), ("GET", "/stream"))
    slow_ones = sink.named("http.request.slow")
    assert [event["http_route"] for event in slow_ones] == expected
    for event in slow_ones:
        (request,) = [each for each in sink.named("http.request") if each["url_path"] == "/slow"]
        assert event["parent_span_id"] == request["span_id"]
        assert "span_id" not in event, "it is no second span"
        assert event["level"] == "warning"
        assert event["duration_seconds"] == request["duration_seconds"] >= 0.03
        assert event["correlation_id"] == request["correlation_id"]


@pytest.mark.parametrize("asks", [False, True])
def test_an_application_that_knows_no_lifespan_has_one_and_one_that_fails_at_start_fails(
    sink: CapturingSink, asks: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if asks:
            await receive()
        raise ValueError("no lifespan, or none today")

    async def run() -> list[str]:
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])
        sent: list[str] = []

        async def receive() -> Any:
            return {"type": next(incoming)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        with pytest.raises(ValueError, match="today") if asks else contextlib.nullcontext():
            await logweir.asgi.Middleware(app)({"type": "lifespan"}, receive, send)
        return sent

    expected = [] if asks else ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert asyncio.run(run()) == expected


@pytest.mark.parametrize(
    ("last", "size"),
    [
        ({"type": "http.response.pathsend", "path": "/file"}, None),
        ({"type": "http.response.body", "body": b"ab"}, 2),
    ],
)
def test_a_client_that_leaves_with_its_whole_answer_cancels_nothing(
    sink: CapturingSink, last: dict[str, Any], size: int | None
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send(last)
        await receive()

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope: dict[str, Any] = {"type": "http", "path": "/", "method": "GET", "headers": []}
    asyncio.run(logweir.asgi.Middleware(app)(scope, receive, send))
    (event,) = sink.events
    assert event["outcome"] == "success"
    assert event.get("http_response_body_size") == size, "of a file that the server sends it is not known"


def test_requests_in_progress_are_known(sink: CapturingSink) -> None:
    seen = []

    async def look(request: Request) -> PlainTextResponse:
        seen.append(in_progress())
        return PlainTextResponse("ok")

    requests(logweir.asgi.Middleware(Starlette(routes=[Route("/", look)])), ("GET", "/"))
    assert (seen, in_progress()) == ([1], 0)


def test_a_streamed_body_is_measured_to_its_end(sink: CapturingSink) -> None:
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(iter([b"a" * 10, b"b" * 5]))

    app = logweir.asgi.Middleware(Starlette(routes=[Route("/stream", stream)]))
    requests(app, ("GET", "/stream"))
    assert sink.events[0]["http_response_body_size"] == 15
    assert sink.events[0]["http_route"] == "/stream"


TRAFFIC = [
    *[("GET", f"/orders/{last}") for last in ("1", "2", "x", "")],
    *[("POST", "/orders"), ("DELETE", "/orders"), ("OPTIONS", "/orders")],
    *[("PUT", "/orders/1"), ("HEAD", "/orders/1")],
    *[("GET", path) for path in ("/broken", "/broken-later", "/broken-stream")],
    *[("GET", path) for path in ("/unavailable", "/nowhere", "/slash", "/slash/", "/docs", "/")],
    *[("GET", "/api/v2/things/a"), ("GET", "/api/v2/none"), ("POST", "/api/v2/things/a")],
    *[("GET", "/sub/items/3"), ("GET", "/sub/none"), ("POST", "/sub/items/3"), ("GET", "/sub")],
    *[("GET", "/sub/deep/x"), ("GET", "/fast/admin/p"), ("GET", "/fast/none")],
]


@pytest.mark.parametrize("root_path", ["", "/prefix"])
@pytest.mark.parametrize("outside", [False, True])
def test_routes_and_statuses_equal_the_in_process_metrics(
    sink: CapturingSink, outside: bool, root_path: str
) -> None:
    registry = CollectorRegistry()
    app: Any = shop()
    app.root_path = root_path
    Instrumentator(should_group_status_codes=False, registry=registry).instrument(app)
    if outside:
        served: Any = logweir.asgi.Middleware(app)
    else:
        app.add_middleware(logweir.asgi.Middleware)
        served = app
    requests(served, *TRAFFIC)
    theirs = {
        (sample.labels["method"], sample.labels["handler"], sample.labels["status"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "http_requests_total"
    }
    ours = Counter(
        (each["http_request_method"], each.get("http_route", "none"), str(each["http_response_status_code"]))
        for each in sink.named("http.request")
    )
    assert ours == theirs
    assert sum(ours.values()) == len(TRAFFIC)


APPLICATION = """
import logweir, fastapi
app = fastapi.FastAPI()
app.add_middleware(logweir.asgi.Middleware)
logweir.configure("shop")

@app.get("/orders/{order_id}")
def order(order_id: int):
    logweir.get_logger("orders").info("order.read", order_id=order_id)
    return order_id
"""


def test_sigterm_under_uvicorn_loses_nothing(service: PlayedService, tmp_path: Any) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "application:app", "--port", "0", "--no-access-log"],
        cwd=tmp_path,
        env={**os.environ, "LOGWEIR_URL": service.url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        port = next(match[1] for line in process.stderr if (match := re.search(r"127\.0\.0\.1:(\d+)", line)))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for number in range(5):
                assert client.get(f"/orders/{number}").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stderr.close()
    assert [each["order_id"] for each in service.events if each["event"] == "order.read"] == list(range(5))
    assert sum(each["event"] == "http.request" for each in service.events) == 5
    assert len(service.closed) == 1
