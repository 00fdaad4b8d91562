"""Calls to others carry the ids on, and are events themselves."""

from __future__ import annotations

import asyncio

import httpx
import pytest

import logweir
from logweir.testing import CapturingSink


def answering(status: int, seen: list[httpx.Request]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status)

    return httpx.MockTransport(answer)


def test_a_call_sends_its_span_and_is_one_event(sink: CapturingSink) -> None:
    seen: list[httpx.Request] = []
    client = logweir.httpx.instrument(httpx.Client(transport=answering(201, seen)), peer_service="payments")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with logweir.bound(correlation_id=trace, parent_span_id="00f067aa0ba902b7"):
        client.post("http://pay.local/charge?card=4111")
    (call,) = sink.events
    assert seen[0].headers["x-correlation-id"] == trace
    assert seen[0].headers["traceparent"] == f"00-{trace}-{call['span_id']}-01"
    assert call["event"] == "external.call"
    assert call["parent_span_id"] == "00f067aa0ba902b7"
    assert (call["peer_service"], call["server_address"]) == ("payments", "pay.local")
    assert (call["http_request_method"], call["http_response_status_code"]) == ("POST", 201)
    assert (call["outcome"], call["level"], call["url_path"]) == ("success", "info", "/charge")
    assert call["duration_seconds"] >= 0
    assert b"4111" not in sink.lines[0]


@pytest.mark.parametrize("sampled", [True, False])
def test_a_chosen_correlation_id_goes_on_beside_the_trace(sink: CapturingSink, sampled: bool) -> None:
    seen: list[httpx.Request] = []
    client = httpx.Client(transport=logweir.httpx.Transport(answering(404, seen)))
    trace = "1" * 32
    with logweir.bound(correlation_id="order-1", trace_id=trace, trace_sampled=sampled):
        client.get("http://pay.local/", headers={"X-Correlation-ID": "mine"})
        client.get("http://pay.local/")
    assert [request.headers["x-correlation-id"] for request in seen] == ["mine", "order-1"]
    assert seen[1].headers["traceparent"].startswith(f"00-{trace}-")
    assert seen[1].headers["traceparent"].endswith("01" if sampled else "00")
    assert (sink.events[1]["outcome"], sink.events[1]["error_type"]) == ("failure", "404")
    assert sink.events[1]["level"] == "info"


def test_a_call_that_fails_on_the_network_is_an_event(sink: CapturingSink) -> None:
    async def run() -> None:
        client = logweir.httpx.instrument(httpx.AsyncClient(trust_env=False))
        async with client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:9/")

    with logweir.event("job.run"):
        asyncio.run(run())
    call = sink.events[0]
    assert (call["outcome"], call["error_type"], call["level"]) == ("failure", "ConnectError", "warning")
    assert call["peer_service"] == "127.0.0.1"
    assert "http_response_status_code" not in call


def test_each_redirect_sends_a_span_of_its_own(sink: CapturingSink) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(httpx.Request("GET", request.url, headers=request.headers))
        return httpx.Response(302, headers={"location": "/new"} if request.url.path == "/old" else {})

    transport = logweir.httpx.Transport(httpx.MockTransport(answer))
    client = httpx.Client(transport=transport, follow_redirects=True)
    theirs = f"00-{'1' * 32}-{'2' * 16}-01"
    with logweir.bound(correlation_id="c1"):
        client.get("http://pay.local/old")
        client.get("http://pay.local/old", headers={"traceparent": theirs})
    spans = [request.headers["traceparent"].split("-")[2] for request in seen]
    assert spans[:2] == [event["span_id"] for event in sink.events][:2]
    assert [request.headers["traceparent"] for request in seen[2:]] == [theirs] * 2


def test_instrumenting_twice_makes_one_event(sink: CapturingSink) -> None:
    client = logweir.httpx.instrument(logweir.httpx.instrument(httpx.Client(transport=answering(200, []))))
    client.get("http://pay.local/")
    assert len(sink.events) == 1
