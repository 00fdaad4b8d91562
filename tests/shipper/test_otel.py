"""Beside the real OpenTelemetry SDK: one trace, not two."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider, sampling

import logweir
from logweir import otel
from logweir.propagation import TRACEPARENT_HEADER, provide
from logweir.testing import CapturingSink
from tests.shipper.test_asgi import PARENT, TRACE, requests, shop

TRACER = TracerProvider().get_tracer("tests")


def ids(span: Any) -> tuple[str, str]:
    found = span.get_span_context()
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"


def test_an_event_inside_a_running_span_has_its_ids(sink: CapturingSink) -> None:
    with TRACER.start_as_current_span("theirs") as span:
        trace_id, span_id = ids(span)
        logweir.emit("a.b")
    logweir.emit("a.after")
    inside, after = sink.events
    assert (inside["correlation_id"], inside["parent_span_id"]) == (trace_id, span_id)
    assert inside["trace_sampled"] is True
    assert not {"correlation_id", "parent_span_id", "span_id", "trace_sampled"} & after.keys()


def test_spans_of_both_kinds_make_one_chain(sink: CapturingSink) -> None:
    with TRACER.start_as_current_span("outer") as outer:
        with logweir.event("our.middle"):
            logweir.emit("in.middle")
            with TRACER.start_as_current_span("inner") as inner:
                logweir.emit("in.inner")
                with logweir.event("our.innermost"):
                    logweir.emit("in.innermost")
                logweir.emit("in.inner")
            logweir.emit("in.middle")
        logweir.emit("in.outer")
    found = {event["event"]: event for event in sink.events}
    assert {event["correlation_id"] for event in sink.events} == {ids(outer)[0]}
    middle, innermost = found["our.middle"], found["our.innermost"]
    assert middle["parent_span_id"] == ids(outer)[1] == found["in.outer"]["parent_span_id"]
    assert innermost["parent_span_id"] == ids(inner)[1]
    parents = [
        event["parent_span_id"] for event in sink.events if event["event"] in ("in.middle", "in.inner")
    ]
    assert parents == [middle["span_id"], ids(inner)[1], ids(inner)[1], middle["span_id"]]
    assert found["in.innermost"]["parent_span_id"] == innermost["span_id"]


def test_a_choice_of_the_sdk_wins_over_the_rate() -> None:
    sink = CapturingSink()
    logweir.configure("shop", to=sink, traces_sample_rate=1.0)
    tracer = TracerProvider(sampler=sampling.ALWAYS_OFF).get_tracer("tests")
    with tracer.start_as_current_span("theirs"), logweir.event("a.b"):
        assert provide()[TRACEPARENT_HEADER].endswith("-00")
    assert sink.events[0]["trace_sampled"] is False


def test_a_request_in_a_span_of_the_sdk_belongs_to_its_trace(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware, trust_inbound_ids=True)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with TRACER.start_as_current_span("server", context=propagate.extract(headers)) as span:
        (answer,) = requests(app, ("GET", "/orders/17"), headers=headers)
    requests(app, ("GET", "/orders/17"), headers=headers)
    inside, request, _, alone = sink.events
    assert answer.headers["x-correlation-id"] == request["correlation_id"] == TRACE == ids(span)[0]
    assert request["parent_span_id"] == ids(span)[1]
    assert inside["parent_span_id"] == request["span_id"]
    assert alone["parent_span_id"] == PARENT


def test_a_request_that_brings_nothing_takes_the_trace_of_the_sdk(sink: CapturingSink) -> None:
    app = shop()
    app.add_middleware(logweir.asgi.Middleware)
    with TRACER.start_as_current_span("server") as span:
        requests(app, ("GET", "/health"))
    (request,) = sink.events
    assert (request["correlation_id"], request["parent_span_id"]) == ids(span)
    assert "trace_id" not in request


def test_a_generator_in_a_span_of_the_sdk_belongs_to_it(sink: CapturingSink) -> None:
    @logweir.event("a.items")
    def items():
        yield 1

    with TRACER.start_as_current_span("theirs") as span:
        assert list(items()) == [1]
    assert (sink.events[0]["correlation_id"], sink.events[0]["parent_span_id"]) == ids(span)


def test_a_span_of_theirs_that_outlives_ours_is_not_its_parent(sink: CapturingSink) -> None:
    with logweir.event("our.outer"):
        token = attach(trace.set_span_in_context(TRACER.start_span("leaked")))
    detach(token)
    assert "parent_span_id" not in sink.events[0]


def test_a_span_inside_of_a_request_with_an_id_of_its_own_tells_its_trace_beside_it(
    sink: CapturingSink,
) -> None:
    with logweir.bound(correlation_id="order-1"), TRACER.start_as_current_span("theirs") as span:
        logweir.emit("a.b")
    assert sink.events[0]["correlation_id"] == "order-1"
    assert sink.events[0]["trace_id"] == ids(span)[0]


def test_what_is_carried_and_sent_is_the_running_span(sink: CapturingSink) -> None:
    with TRACER.start_as_current_span("theirs") as span:
        trace_id, span_id = ids(span)
        carried = logweir.carry()
        assert carried == {"correlation_id": trace_id, "traceparent": f"00-{trace_id}-{span_id}-01"}
        assert provide()[TRACEPARENT_HEADER] == carried["traceparent"]
    other: dict[str, str] = {}
    with TRACER.start_as_current_span("worker"):
        with logweir.resume(carried):
            logweir.emit("a.resumed")
        propagate.inject(other)
        with logweir.resume(other):
            logweir.emit("a.theirs")
    resumed, theirs = sink.events
    assert (resumed["correlation_id"], resumed["parent_span_id"]) == (trace_id, span_id)
    assert theirs["correlation_id"] == other["traceparent"].split("-")[1]


def test_spans_of_the_sdk_in_resumed_work_belong_to_its_trace(sink: CapturingSink) -> None:
    carried = {"correlation_id": "order-1", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    with logweir.resume(carried):
        logweir.emit("a.resumed")
        with TRACER.start_as_current_span("theirs") as span:
            logweir.emit("in.theirs")
    assert span.parent.span_id == int(PARENT, 16)  # type: ignore[attr-defined]
    assert not trace.get_current_span().get_span_context().is_valid
    resumed, inside = sink.events
    assert (resumed["parent_span_id"], inside["parent_span_id"]) == (PARENT, ids(span)[1])
    assert {event["trace_id"] for event in sink.events} == {TRACE}
    assert {event["correlation_id"] for event in sink.events} == {"order-1"}


def test_a_worker_that_runs_a_span_already_keeps_it(sink: CapturingSink) -> None:
    with TRACER.start_as_current_span("worker") as worker:
        with logweir.resume(f"00-{TRACE}-{PARENT}-01"), TRACER.start_as_current_span("theirs") as span:
            logweir.emit("in.theirs")
        assert span.parent.span_id == worker.get_span_context().span_id  # type: ignore[attr-defined]
    assert (sink.events[0]["correlation_id"], sink.events[0]["trace_id"]) == (TRACE, ids(worker)[0])


def test_tasks_and_threads_see_the_span_that_runs_there(sink: CapturingSink) -> None:
    async def one(name: str) -> tuple[str, str]:
        with TRACER.start_as_current_span(name) as span:
            await asyncio.sleep(0)
            await asyncio.to_thread(logweir.emit, "a.b", name=name)
            return ids(span)

    async def both() -> list[tuple[str, str]]:
        return list(await asyncio.gather(one("x"), one("y")))

    spans = dict(zip("xy", asyncio.run(both()), strict=True))
    for event in sink.events:
        assert (event["correlation_id"], event["parent_span_id"]) == spans[event["name"]]


def test_a_tracer_that_raises_costs_no_event(sink: CapturingSink, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr("opentelemetry.trace.get_current_span", fail)
    assert otel.running() is None
    with logweir.event("a.b"):
        pass
    assert len(sink.events) == 1


def test_an_application_without_it_never_imports_it() -> None:
    code = """
import sys, logweir
from logweir.testing import CapturingSink
logweir.configure("shop", to=CapturingSink())
with logweir.event("a.b"): logweir.emit("c.d")
logweir.carry()
sys.exit(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
