"""A trace: who decides whether it is sampled, and the ids that its events carry."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logweir
from logweir import context
from logweir.ids import is_sampled, new_trace_id
from logweir.propagation import TRACEPARENT_HEADER, accept, provide, trace_of
from logweir.spans import Span
from logweir.testing import CapturingSink
from tests.shipper.test_asgi import PARENT, TRACE, requests, shop

HEX32 = re.compile(r"[0-9a-f]{32}")


def configured(rate: float | None) -> CapturingSink:
    sink = CapturingSink()
    logweir.configure("shop", to=sink, traces_sample_rate=rate)
    return sink


@pytest.mark.parametrize(("rate", "sampled"), [("0", False), ("1.0", True)])
def test_the_environments_rate_decides_for_traces_begun_here(
    monkeypatch: pytest.MonkeyPatch, rate: str, sampled: bool
) -> None:
    monkeypatch.setenv("SENTRY_TRACES_SAMPLE_RATE", rate)
    sink = configured(None)
    with logweir.event("a.b"):
        assert provide()[TRACEPARENT_HEADER].endswith("-01" if sampled else "-00")
    assert sink.events[0]["trace_sampled"] is sampled


def test_without_a_rate_nothing_is_decided_and_the_trace_goes_on_as_sampled() -> None:
    sink = configured(None)
    with logweir.event("a.b"):
        assert provide()[TRACEPARENT_HEADER].endswith("-01")
    assert "trace_sampled" not in sink.events[0]


def test_the_choice_is_made_once_for_all_spans_of_a_trace() -> None:
    sink = configured(0.5)
    for _ in range(40):
        with logweir.event("a.outer"), logweir.event("a.middle"), logweir.event("a.inner"):
            pass
    choices: dict[str, set[bool]] = {}
    for event in sink.events:
        choices.setdefault(event["correlation_id"], set()).add(event["trace_sampled"])
    assert {len(each) for each in choices.values()} == {1}
    assert set.union(*choices.values()) == {True, False}


def test_an_inbound_flag_wins_over_the_rate_where_it_is_trusted() -> None:
    sink = configured(1.0)
    header = [(b"traceparent", f"00-{TRACE}-{PARENT}-00".encode())]
    for trust in (True, False):
        span = Span(accept(header, trust=trust))
        span.end()
        logweir.emit("a.request")
        context.clear()
    trusted, distrusted = sink.events
    assert (trusted["trace_sampled"], trusted["correlation_id"]) == (False, TRACE)
    assert distrusted["trace_sampled"] is True
    assert distrusted["correlation_id"] != TRACE


def test_a_brought_correlation_id_stands_beside_the_trace_id_also_for_timed_events() -> None:
    sink = configured(1.0)
    with logweir.bound(correlation_id="order-1"):
        with logweir.event("a.outer"):
            headers = provide()
            logweir.emit("a.b")
        logweir.emit("a.after")
    inner, outer, after = sink.events
    assert HEX32.fullmatch(outer["trace_id"])
    assert inner["trace_id"] == outer["trace_id"] == headers[TRACEPARENT_HEADER].split("-")[1]
    assert {event["correlation_id"] for event in sink.events} == {"order-1"}
    assert "trace_id" not in after


def test_events_that_began_no_trace_of_their_own_have_no_trace_id_beside_it() -> None:
    sink = configured(None)
    with logweir.bound(correlation_id=TRACE), logweir.event("a.b"):
        pass
    assert "trace_id" not in sink.events[0]


def test_the_header_that_is_provided_is_accepted_as_it_was_meant() -> None:
    sink = configured(0.5)
    for _ in range(20):
        with logweir.event("a.caller"):
            headers = [(name.lower().encode(), value.encode()) for name, value in provide().items()]
        inbound = accept(headers)
        caller = sink.events[-1]
        assert inbound == {
            "correlation_id": caller["correlation_id"],
            "parent_span_id": caller["span_id"],
            "trace_sampled": caller["trace_sampled"],
        }


def test_a_request_and_its_call_share_one_trace_over_two_services() -> None:
    sink = configured(0.0)
    app = shop()
    app.add_middleware(logweir.asgi.Middleware, trust_inbound_ids=True)
    with logweir.event("a.caller"):
        headers = provide()
    requests(app, ("GET", "/orders/17"), headers=headers)
    caller, _, request = sink.events
    assert request["correlation_id"] == caller["correlation_id"]
    assert request["parent_span_id"] == caller["span_id"]
    assert request["trace_sampled"] is False


def test_a_generator_outside_of_any_trace_is_a_span_with_a_trace() -> None:
    sink = configured(1.0)

    @logweir.event("a.items")
    def items():
        yield 1

    assert list(items()) == [1]
    (event,) = sink.events
    assert HEX32.fullmatch(event["correlation_id"])
    assert event["trace_sampled"] is True
    assert context.current() == {}


@pytest.mark.parametrize("rate", ["2", "-0.1", "nan", "often"])
def test_a_rate_that_is_no_share_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    monkeypatch.setenv("SENTRY_TRACES_SAMPLE_RATE", rate)
    with pytest.raises(ValueError, match=r"SENTRY_TRACES_SAMPLE_RATE: '.*' is no share between 0 and 1"):
        logweir.configure("shop")


@given(st.integers(1, 2**128 - 1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_lower_rate_samples_a_higher_samples_too(number: int, one: float, other: float) -> None:
    trace_id = f"{number:032x}"
    lower, higher = sorted((one, other))
    assert not is_sampled(trace_id, 0)
    assert is_sampled(trace_id, 1)
    assert is_sampled(trace_id, lower) <= is_sampled(trace_id, higher)


def test_the_share_of_sampled_traces_is_near_the_rate() -> None:
    sampled = sum(is_sampled(new_trace_id(), 0.3) for _ in range(4000))
    assert 1000 < sampled < 1400


@pytest.mark.parametrize(
    "text",
    ["", "x", f"00-{TRACE}-{PARENT}", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-x", "ü"],
)
def test_a_malformed_traceparent_is_no_trace(text: str) -> None:
    assert trace_of(text) == {}


def test_a_later_version_of_traceparent_may_say_more() -> None:
    assert trace_of(f"01-{TRACE}-{PARENT}-03-more")["trace_sampled"] is True
