"""One event for a piece of work, with what is known at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, assert_type

import pytest

import logweir
from logweir.testing import CapturingSink
from logweir.timed import event

EVERY: dict[str, Callable[..., event]] = {
    "http.request": lambda **more: logweir.track_request(method="GET", **more),
    "db.query": lambda **more: logweir.track_db_query(operation="SELECT", **more),
    "cache.operation": lambda **more: logweir.track_cache_operation(operation="get", **more),
    "ai.call": lambda **more: logweir.track_ai_call(provider="p", model="m", **more),
    "external.call": lambda **more: logweir.track_external_call(target="payments", **more),
    "auth.attempt": lambda **more: logweir.track_auth_attempt(method="oauth", **more),
    "storage.operation": lambda **more: logweir.track_storage_operation(operation="upload", **more),
    "speech.request": lambda **more: logweir.track_speech_request(kind="tts", provider="p", **more),
    "ai.pipeline": logweir.track_rag_pipeline,
    "document.processed": lambda **more: logweir.track_document_processing(document_type="pdf", **more),
}
ANY = 1e-9
"""Seconds: a threshold that everything reaches."""

every = pytest.mark.parametrize("name", EVERY)


@every
def test_it_times_a_block_of_either_kind_and_a_function_of_either_kind(
    name: str, sink: CapturingSink
) -> None:
    timed = EVERY[name]

    @timed(tenant="acme")
    def function() -> int:
        return 1

    @timed(tenant="acme")
    async def coroutine() -> int:
        return 2

    async def use() -> int:
        async with timed(tenant="acme") as block:
            block["extra"] = 7
        return await coroutine()

    with timed(tenant="acme"):
        pass
    assert (function(), function(), asyncio.run(use())) == (1, 1, 2)
    events = sink.events
    assert {each["event"] for each in events} == {name}
    assert len(events) == len({each["span_id"] for each in events}) == 5
    assert all(each["tenant"] == "acme" and each["outcome"] == "success" for each in events)
    assert all(each["duration_seconds"] >= 0 and each["level"] == "info" for each in events)
    assert [each.get("extra") for each in events].count(7) == 1
    assert not [key for each in events for key, value in each.items() if value is None]


def test_blocks_and_functions_keep_their_types(sink: CapturingSink) -> None:
    @logweir.track_db_query(operation="SELECT")
    async def load(count: int) -> list[int]:
        return [count]

    with logweir.track_db_query(operation="SELECT") as query:
        assert_type(query, event)
    assert_type(asyncio.run(load(3)), list[int])


@every
def test_a_failure_is_told_with_its_exception_which_goes_on(name: str, sink: CapturingSink) -> None:
    with pytest.raises(ValueError, match="no"), EVERY[name]():
        raise ValueError("no")
    (failed,) = sink.events
    assert (failed["outcome"], failed["level"], failed["error_type"]) == ("failure", "error", "ValueError")


@every
def test_a_slow_one_is_an_event_of_its_own(name: str, sink: CapturingSink) -> None:
    with EVERY[name](slow_seconds=ANY, tenant="acme"):
        pass
    with EVERY[name](slow_seconds=3600):
        pass
    usual, slow, _ = sink.events
    assert (slow["event"], slow["level"]) == (f"{name}.slow", "warning")
    assert (slow["tenant"], slow["slow_threshold_seconds"]) == ("acme", ANY)
    assert slow["duration_seconds"] == usual["duration_seconds"]
    assert "span_id" not in slow
    assert (slow["parent_span_id"], slow["correlation_id"]) == (usual["span_id"], usual["correlation_id"])


def test_what_a_caller_says_of_a_field_wins(sink: CapturingSink) -> None:
    with logweir.track_speech_request(kind="tts", provider="p", span_kind="internal"):
        pass
    assert sink.events[0]["span_kind"] == "internal"


def test_a_request_that_raises_is_a_500_unless_it_had_answered(sink: CapturingSink) -> None:
    early: dict[str, Any] = {"http_response_status_code": 404}
    for answered in ({}, early):
        with pytest.raises(KeyError), logweir.track_request(method="GET", **answered):
            raise KeyError("k")
    assert [each["http_response_status_code"] for each in sink.events] == [500, 404]


def test_a_request_that_is_cancelled_has_no_status(sink: CapturingSink) -> None:
    with pytest.raises(asyncio.CancelledError), logweir.track_request(method="GET"):
        raise asyncio.CancelledError
    (cancelled,) = sink.events
    assert (cancelled["outcome"], cancelled["level"]) == ("cancelled", "info")
    assert "http_response_status_code" not in cancelled


def test_a_5xx_answered_on_purpose_is_a_warning(sink: CapturingSink) -> None:
    with logweir.track_request(method="GET") as request:
        request["http_response_status_code"] = 503
    (answered,) = sink.events
    assert (answered["level"], answered["outcome"], answered["error_type"]) == ("warning", "failure", "503")


def test_a_status_of_another_type_is_left_as_it_is(sink: CapturingSink) -> None:
    odd: Any = "teapot"
    with logweir.track_external_call(target="payments") as call:
        call["http_response_status_code"] = odd
    assert sink.events[0]["outcome"] == "success"


def test_a_cache_that_raises_has_the_result_error(sink: CapturingSink) -> None:
    with pytest.raises(OSError, match="away"), logweir.track_cache_operation(operation="get"):
        raise OSError("away")
    assert (sink.events[0]["cache_result"], sink.events[0]["cache_name"]) == ("error", "default")


def test_each_call_of_a_function_ends_in_its_own_way(sink: CapturingSink) -> None:
    @logweir.track_cache_operation(operation="get", slow_seconds=ANY)
    def look_up(fails: bool) -> None:
        if fails:
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        look_up(fails=True)
    look_up(fails=False)
    results = [(each["event"], each["cache_result"], each["outcome"]) for each in sink.events]
    assert results == [
        ("cache.operation", "error", "failure"),
        ("cache.operation.slow", "error", "failure"),
        ("cache.operation", "ok", "success"),
        ("cache.operation.slow", "ok", "success"),
    ]


def test_a_threshold_that_is_no_number_is_none(sink: CapturingSink) -> None:
    odd: Any
    for odd in ("soon", [1]):
        with logweir.track_db_query(operation="SELECT", slow_seconds=odd):
            pass
    with logweir.track_db_query(operation="SELECT", slow_seconds=str(ANY)):
        pass
    assert [each["event"] for each in sink.events] == ["db.query", "db.query", "db.query", "db.query.slow"]


def test_an_event_that_timed_a_block_times_functions_too(sink: CapturingSink) -> None:
    timed = logweir.track_db_query(operation="SELECT")
    with timed as block:
        block["db_rows"] = 3

    @timed
    def load() -> None:
        pass

    load()
    assert [each.get("db_rows") for each in sink.events] == [3, None]


def test_a_request_is_slow_by_the_threshold_of_the_process() -> None:
    captured = CapturingSink()
    logweir.configure("shop", to=captured, slow_request_seconds=ANY)
    with logweir.track_request(method="GET"):
        pass
    with logweir.track_request(method="GET", slow_seconds=0):
        pass
    with logweir.track_db_query(operation="SELECT"):
        pass
    assert [each["event"] for each in captured.events] == [
        "http.request",
        "http.request.slow",
        "http.request",
        "db.query",
    ]
