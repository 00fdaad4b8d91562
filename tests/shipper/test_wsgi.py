"""WSGI applications, Flask's among them: one event a request, whatever becomes of its response."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import flask
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import logweir
from logweir import context, request
from logweir.testing import CapturingSink

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def shop() -> flask.Flask:
    app = flask.Flask("shop")

    @app.get("/orders/<int:order_id>")
    def order(order_id: int) -> str:
        logweir.emit("order.read", order_id=order_id)
        logweir.bind(user_id="u1")
        return "ok"

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("it broke")

    @app.get("/unavailable")
    def unavailable() -> str:
        flask.abort(503)

    @app.get("/stream")
    def stream() -> flask.Response:
        def chunks() -> Iterator[str]:
            for number in range(3):
                logweir.emit("chunk.made", number=number)
                yield "x" * 10

        return flask.Response(chunks())

    return app


def served(app: Any, path: str, method: str = "GET", **environ: str) -> tuple[str, dict[str, str], bytes]:
    """What wsgiref, a strict reading of PEP 3333, makes of one request."""
    values: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(values)
    out = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), values | environ, multithread=False)
    handler.run(app)
    head, _, body = out.getvalue().partition(b"\r\n\r\n")
    status, *headers = head.decode("latin-1").split("\r\n")
    assert sum(line.lower().startswith("x-correlation-id:") for line in headers) <= 1
    return status, dict(line.lower().split(": ", 1) for line in headers), body


def test_a_request_to_flask_is_one_event_with_what_is_known_of_it(sink: CapturingSink) -> None:
    client = logweir.flask.instrument(shop()).test_client()
    answer = client.get("/orders/17?token=t1&page=2", buffered=True, headers={"User-Agent": "tester"})
    read, event = sink.events
    assert answer.headers.getlist("X-Correlation-ID") == [event["correlation_id"]]
    assert read["correlation_id"] == event["correlation_id"]
    assert read["parent_span_id"] == event["span_id"]
    told = {
        key: event[key] for key in event if key.startswith(("http_", "url_", "client_", "user_", "span_k"))
    }
    assert told == {
        "http_request_method": "GET",
        "http_route": "/orders/<int:order_id>",
        "http_response_status_code": 200,
        "http_response_body_size": 2,
        "url_path": "/orders/17",
        "url_query": "token=[redacted]&page=2",
        "client_address": "127.0.0.1",
        "user_agent_original": "tester",
        "user_id": "u1",
        "span_kind": "server",
    }
    assert (event["level"], event["outcome"]) == ("info", "success")
    assert event["duration_seconds"] >= 0
    assert not context.current()
    assert request.in_progress() == 0


def test_an_exception_that_flask_answers_is_exactly_one_error_with_its_header(sink: CapturingSink) -> None:
    app = logweir.flask.instrument(shop())
    answer = app.test_client().get("/broken", buffered=True)
    (event,) = sink.events
    assert answer.status_code == 500
    assert answer.headers["X-Correlation-ID"] == event["correlation_id"]
    assert (event["level"], event["outcome"], event["error_type"]) == ("error", "failure", "RuntimeError")
    assert event["exception"][0]["handled"] is False
    assert event["http_route"] == "/broken"
    assert event["http_request_headers"]["host"] == "localhost"


def test_an_exception_that_flask_hands_on_has_its_route_too(sink: CapturingSink) -> None:
    app = logweir.flask.instrument(shop())
    app.testing = True
    with pytest.raises(RuntimeError):
        app.test_client().get("/broken")
    assert [(event["http_route"], event["error_type"]) for event in sink.events] == [
        ("/broken", "RuntimeError")
    ]


def test_a_5xx_on_purpose_is_a_warning_and_a_missing_page_is_fine(sink: CapturingSink) -> None:
    client = logweir.flask.instrument(shop()).test_client()
    client.get("/unavailable", buffered=True)
    client.get("/nowhere", buffered=True)
    failed, missing = sink.events
    assert (failed["level"], failed["outcome"], failed["error_type"]) == ("warning", "failure", "503")
    assert (missing["level"], missing["http_response_status_code"]) == ("info", 404)
    assert "http_route" not in missing


def test_what_a_dispatcher_mounts_is_part_of_the_route_and_nested_doors_report_once(
    sink: CapturingSink,
) -> None:
    mounted = logweir.flask.instrument(shop())
    app = logweir.wsgi.Middleware(DispatcherMiddleware(flask.Flask("root").wsgi_app, {"/sub": mounted}))
    Client(app).get("/sub/broken", buffered=True)
    (event,) = sink.events
    assert (event["http_route"], event["url_path"]) == ("/sub/broken", "/sub/broken")
    assert event["error_type"] == "RuntimeError"


def test_where_a_server_mounted_the_application_is_no_part_of_the_route(sink: CapturingSink) -> None:
    app: Any = DispatcherMiddleware(flask.Flask("root").wsgi_app, {"/sub": logweir.flask.instrument(shop())})
    Client(app).get("/sub/orders/1", buffered=True)
    (event,) = sink.named("http.request")
    assert (event["http_route"], event["url_path"]) == ("/orders/<int:order_id>", "/sub/orders/1")


def test_a_stream_is_in_the_requests_context_and_measured_to_its_end(sink: CapturingSink) -> None:
    _, headers, body = served(logweir.flask.instrument(shop()), "/stream")
    *chunks, event = sink.events
    assert len(body) >= 30
    assert {chunk["correlation_id"] for chunk in chunks} == {headers["x-correlation-id"]}
    assert {chunk["parent_span_id"] for chunk in chunks} == {event["span_id"]}
    assert (event["http_response_body_size"], event["outcome"]) == (30, "success")
    assert event["http_route"] == "/stream"


def test_a_client_that_leaves_a_stream_cancels_it(sink: CapturingSink) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/stream"}
    setup_testing_defaults(environ)
    app: Any = logweir.flask.instrument(shop())
    response = app.wsgi_app(environ, lambda *arguments: None)
    assert next(iter(response)) == b"x" * 10
    assert request.in_progress() == 1
    response.close()
    event = sink.events[-1]
    assert (event["outcome"], event["level"], event["http_response_body_size"]) == ("cancelled", "info", 10)
    assert not context.current()
    assert request.in_progress() == 0


def test_a_response_that_a_server_forgets_is_in_progress_no_more(sink: CapturingSink) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/stream"}
    setup_testing_defaults(environ)
    app: Any = logweir.flask.instrument(shop())
    response = app.wsgi_app(environ, lambda *arguments: None)
    next(iter(response))
    assert request.in_progress() == 1
    del response, environ
    gc.collect()
    assert request.in_progress() == 0
    with pytest.raises(KeyError), logweir.event("job.run"):
        raise KeyError
    assert sink.events[-1]["level"] == "error", "it is inside of no request"
    logweir.clear()


def failing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise ValueError("before it began")


def failing_midway(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"a"
    raise ValueError("midway")


def test_an_exception_of_a_bare_application_is_one_error_and_goes_on(sink: CapturingSink) -> None:
    with pytest.raises(ValueError, match="before"):
        logweir.wsgi.Middleware(failing)({}, None)  # type: ignore[arg-type]
    served(logweir.wsgi.Middleware(failing_midway), "/")
    first, second = sink.events
    assert (first["http_response_status_code"], first["level"]) == (500, "error")
    assert (second["http_response_status_code"], second["level"]) == (200, "error")
    assert second["outcome"] == "failure"


def listed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("X-Correlation-Id", "theirs")])
    return [b"ab", b"c"]


def writing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])(b"abc")
    return []


def replaced(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    try:
        raise KeyError
    except KeyError as error:
        start_response("400 Bad Request", [], (type(error), error, None))
    return [b"abc"]


@pytest.mark.parametrize(("app", "status"), [(listed, 200), (writing, 200), (replaced, 400)])
def test_every_way_to_answer_is_measured_and_has_one_header(
    sink: CapturingSink, app: Any, status: int
) -> None:
    line, headers, _ = served(logweir.wsgi.Middleware(app), "/")
    (event,) = sink.events
    assert line.startswith(f"HTTP/1.0 {status}")
    assert event["http_response_status_code"] == status
    assert headers["x-correlation-id"] == event["correlation_id"]
    assert event["http_response_body_size"] == 3 or app is writing


def test_the_standards_own_validator_finds_no_fault(sink: CapturingSink) -> None:
    for app in (shop(), listed_plainly, writing_plainly):
        wsgi: Any = app.wsgi_app if isinstance(app, flask.Flask) else app
        line, _, _ = served(validator(logweir.wsgi.Middleware(validator(wsgi))), "/stream")
        assert line.startswith("HTTP/1.0 200")
    assert len(sink.named("http.request")) == 3


def listed_plainly(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ab", b"c"]


def writing_plainly(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])(b"abc")
    return []


def test_a_file_is_still_sent_by_the_server_itself(sink: CapturingSink) -> None:
    class Source(io.BytesIO):
        pass

    source = Source(b"z" * 40)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "40")])
        return environ["wsgi.file_wrapper"](source)  # type: ignore[no-any-return]

    environ: dict[str, Any] = {"wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    body: Any = logweir.wsgi.Middleware(app)(environ, lambda *arguments: None)
    assert type(body) is FileWrapper
    assert not sink.events
    body.close()
    assert source.closed
    assert (sink.events[0]["http_response_body_size"], sink.events[0]["outcome"]) == (40, "success")


def test_ids_are_taken_from_a_trusted_request_only(sink: CapturingSink) -> None:
    environ = {"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    served(logweir.wsgi.Middleware(listed), "/", **environ)
    served(logweir.wsgi.Middleware(listed, trust_inbound_ids=False), "/", **environ)
    trusted, untrusted = sink.events
    assert (trusted["correlation_id"], trusted["parent_span_id"]) == (TRACE, PARENT)
    assert untrusted["correlation_id"] != TRACE
    assert "parent_span_id" not in untrusted


def test_a_path_that_is_not_ascii_reads_as_it_was_meant(sink: CapturingSink) -> None:
    served(logweir.wsgi.Middleware(listed), "/käse".encode().decode("latin-1"))
    assert sink.events[0]["url_path"] == "/käse"


def test_skipped_paths_make_no_event_unless_they_fail(sink: CapturingSink) -> None:
    client = logweir.flask.instrument(shop(), skip=("/orders/1", "/broken")).test_client()
    client.get("/orders/1", buffered=True)
    client.get("/broken", buffered=True)
    assert [event["url_path"] for event in sink.named("http.request")] == ["/broken"]
