"""A context taken along and resumed, and threads that have their starter's."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections import UserDict
from collections.abc import Callable
from concurrent import futures
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logweir
from logweir import context
from logweir.testing import CapturingSink

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_context_goes_through_a_database_row(sink: CapturingSink) -> None:
    rows = sqlite3.connect(":memory:")
    rows.execute("CREATE TABLE jobs (context TEXT)")
    with logweir.bound(user_id="u1", tenant="acme"), logweir.event("order.placed"):
        rows.execute("INSERT INTO jobs VALUES (?)", (json.dumps(logweir.carry("user_id")),))
    (text,) = rows.execute("SELECT context FROM jobs").fetchone()
    rows.close()
    with logweir.bound(worker="w1"), logweir.resume(text):
        logweir.emit("job.begun")
        with logweir.event("job.finished"):
            pass
    placed, begun, finished = sink.events
    assert begun["correlation_id"] == finished["correlation_id"] == placed["correlation_id"]
    assert begun["parent_span_id"] == finished["parent_span_id"] == placed["span_id"]
    assert (begun["user_id"], begun["worker"]) == ("u1", "w1")
    assert "tenant" not in begun
    assert context.current() == {}


def test_a_choice_to_sample_and_a_brought_id_are_carried(sink: CapturingSink) -> None:
    with (
        logweir.bound(correlation_id="order-1", trace_id=TRACE, trace_sampled=False),
        logweir.event("order.placed") as placed,
    ):
        carried = logweir.carry()
    assert carried == {"correlation_id": "order-1", "traceparent": f"00-{TRACE}-{placed._span.span_id}-00"}  # type: ignore[union-attr]
    with logweir.resume(carried), logweir.event("job.finished"):
        pass
    finished = sink.events[-1]
    assert (finished["correlation_id"], finished["trace_id"]) == ("order-1", TRACE)
    assert finished["trace_sampled"] is False


def test_what_is_carried_is_what_json_can_hold(sink: CapturingSink) -> None:
    assert logweir.carry("user_id") == {}
    logweir.bind(correlation_id="c1", due=datetime(2026, 1, 1, tzinfo=UTC), password="p", tags={"a": "b"})
    assert json.loads(json.dumps(logweir.carry("due", "password", "tags", "missing", "span_id"))) == {
        "correlation_id": "c1",
        "due": "2026-01-01T00:00:00+00:00",
        "password": "[redacted]",
        "tags": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("carried", "correlation_id", "parent"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE, PARENT),
        (f"00-{TRACE}-{PARENT}-01".encode(), TRACE, PARENT),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01"}, TRACE, PARENT),
        ("order-1", "order-1", None),
        ('{"correlation_id": "order-1"}', "order-1", None),
        (b'{"correlation_id": "order-1", "traceparent": "00-x"}', "order-1", None),
        ("17", "17", None),
    ],
)
def test_other_spellings_of_a_context_are_resumed(
    sink: CapturingSink, carried: Any, correlation_id: str, parent: str | None
) -> None:
    with logweir.resume(carried):
        logweir.emit("a.b")
    assert sink.events[0]["correlation_id"] == correlation_id
    assert sink.events[0].get("parent_span_id") == parent


@given(
    st.none()
    | st.text()
    | st.binary()
    | st.integers()
    | st.dictionaries(st.text() | st.sampled_from(["traceparent", "correlation_id"]), st.text() | st.none())
)
def test_whatever_was_carried_work_goes_on_under_one_id(carried: Any) -> None:
    sink = CapturingSink()
    logweir.configure("shop", to=sink)
    before = context.current()
    with logweir.resume(carried):
        logweir.emit("a.b")
        logweir.emit("a.b")
    first, second = sink.events
    assert first["correlation_id"] == second["correlation_id"]
    assert context.current() is before


def test_a_row_that_cannot_be_read_any_more_is_resumed_as_nothing(sink: CapturingSink) -> None:
    class Gone(UserDict[str, Any]):
        def __iter__(self) -> Any:
            raise ConnectionError

    with logweir.resume(Gone(correlation_id="c1")):
        logweir.emit("a.b")
    assert sink.events[0]["correlation_id"] != "c1"


def test_what_a_job_binds_ends_with_it_also_when_it_fails(sink: CapturingSink) -> None:
    def fail() -> None:
        logweir.bind(user_id="u1")
        raise RuntimeError

    with pytest.raises(RuntimeError), logweir.resume("job-1"):
        fail()
    logweir.emit("a.b")
    assert not {"user_id", "correlation_id"} & sink.events[0].keys()


def work(number: int = 0) -> int:
    logweir.emit("work.done", number=number)
    logweir.bind(left_behind=number)
    return number


async def by_run_in_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, logweir.wrap(work))


async def by_own_executor() -> None:
    with logweir.ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, work, 1)


async def by_default_executor() -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(logweir.ThreadPoolExecutor(1))
    await loop.run_in_executor(None, work)
    await loop.shutdown_default_executor()


async def by_to_thread() -> None:
    await asyncio.to_thread(work)


async def by_submit() -> None:
    with futures.ThreadPoolExecutor(1) as pool:
        pool.submit(logweir.wrap(work), 3).result()
        pool.submit(logweir.wrap(work), number=4).result()


async def by_own_submit() -> None:
    with logweir.ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, 3).result() == 3
        assert pool.submit(work, number=4).result() == 4


async def by_map() -> None:
    with futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(logweir.wrap(work), range(20))) == list(range(20))


async def by_own_map() -> None:
    with logweir.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(20))) == list(range(20))


async def by_thread() -> None:
    thread = threading.Thread(target=logweir.wrap(work))
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "way",
    [
        by_run_in_executor,
        by_own_executor,
        by_default_executor,
        by_to_thread,
        by_submit,
        by_own_submit,
        by_map,
        by_own_map,
        by_thread,
    ],
)
def test_work_in_a_thread_belongs_to_who_started_it(sink: CapturingSink, way: Callable[[], Any]) -> None:
    with logweir.bound(user_id="u1"), logweir.event("request.done"):
        asyncio.run(way())
        assert "left_behind" not in context.current()
    *done, request = sink.events
    assert done
    for event in done:
        assert event["correlation_id"] == request["correlation_id"]
        assert event["parent_span_id"] == request["span_id"]
        assert event["user_id"] == "u1"
        assert "left_behind" not in event


async def work_async(number: int) -> int:
    await asyncio.sleep(0)
    return work(number)


def test_a_wrapped_async_function_runs_in_the_context_of_who_wrapped_it(sink: CapturingSink) -> None:
    with logweir.resume("job-1"):
        wrapped = logweir.wrap(work_async)

    async def later() -> list[int]:
        with logweir.resume("other"):
            return list(await asyncio.gather(wrapped(1), wrapped(2)))

    assert asyncio.run(later()) == [1, 2]
    assert [event["correlation_id"] for event in sink.events] == ["job-1"] * 2
    assert not any("left_behind" in event for event in sink.events)


def test_cancelling_a_wrapped_async_function_cancels_its_work() -> None:
    cancelled: list[bool] = []

    async def hang() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(logweir.wrap(hang)(), 0.01)

    asyncio.run(run())
    assert cancelled == [True]


def test_a_wrapped_function_keeps_its_name_and_raises_what_it_raises() -> None:
    assert logweir.wrap(work).__name__ == "work"
    with pytest.raises(ZeroDivisionError):
        logweir.wrap(lambda: 1 // 0)()


def test_a_pool_that_lives_on_serves_each_request_with_its_own_context(sink: CapturingSink) -> None:
    with logweir.ThreadPoolExecutor(1) as pool:
        for name in ("first", "second"):
            with logweir.resume(name):
                pool.submit(work).result()
    assert [event["correlation_id"] for event in sink.events] == ["first", "second"]
