"""Every door leads to the same kind of event."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

import logweir
from logweir.process import emitter
from logweir.sender import THREAD_NAME, HttpTransport, _this_thread
from logweir.testing import CapturingSink
from tests.shipper.service import PlayedService


def test_the_public_names_are_these() -> None:
    assert sorted(logweir.__all__) == (
        "Health ThreadPoolExecutor aclose add_breadcrumb aflush bind bound capture_exception "
        "capture_message carry clear close configure emit event flush get_logger profile_block "
        "profile_function resume set_tag set_user stats track_ai_call track_auth_attempt "
        "track_cache_operation track_db_query track_document_processing track_external_call "
        "track_rag_pipeline track_request track_speech_request track_storage_operation unbind wrap".split()
    )
    assert all(callable(getattr(logweir, name)) for name in logweir.__all__)
    with pytest.raises(AttributeError, match="nothing_like_this"):
        logweir.nothing_like_this  # noqa: B018


def test_the_core_imports_no_integration() -> None:
    code = "import sys, logweir; print(*sys.modules)"
    imported = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"httpx", "structlog", "starlette", "pythonjsonlogger"}.intersection(imported)


def test_get_logger_needs_no_configuration_of_structlog(sink: CapturingSink) -> None:
    log = logweir.get_logger("shop.orders").bind(tenant="acme")
    log.info("order.placed", total=3)
    log.warn("Hello %s", "you")
    log.log(logging.ERROR, "order.lost")
    asyncio.run(log.ainfo("order.awaited"))
    log.info("%d is wrong", "no number")
    placed, hello, lost, awaited, wrong = sink.events
    assert (placed["event"], placed["total"], placed["tenant"]) == ("order.placed", 3, "acme")
    assert placed["logger"] == "shop.orders"
    assert (hello["level"], hello["message"]) == ("warning", "Hello you")
    assert hello["message_template"] == "Hello %s"
    assert (lost["level"], awaited["event"]) == ("error", "order.awaited")
    assert "do not fit" in wrong["message"]


def test_log_exception_carries_the_exception(sink: CapturingSink) -> None:
    log = logweir.get_logger()
    try:
        raise ValueError("x")
    except ValueError as error:
        log.exception("order.failed")
        log.warning("order.odd", exc_info=error)
        log.info("order.fine", exc_info=False)
    failed, odd, fine = sink.events
    assert (failed["level"], failed["error_type"]) == ("error", "ValueError")
    assert failed["exception"][0]["handled"] is True
    assert failed["error_id"] == odd["error_id"]
    assert "exception" not in fine
    assert "exc_info" not in fine


def test_events_below_the_level_are_nothing(sink: CapturingSink) -> None:
    logweir.configure("shop", to=sink, level="warning")
    log = logweir.get_logger()
    log.info("a.b")
    logweir.emit("a.b", "debug")
    log.warning("a.c")
    assert [event["event"] for event in sink.events] == ["a.c"]
    assert not log.is_enabled_for(logging.INFO)


def test_an_own_structlog_chain_ends_in_our_processor(sink: CapturingSink) -> None:
    log = structlog.wrap_logger(
        logweir.structlog.factory(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.format_exc_info,
            logweir.structlog.processor,
        ],
    )
    log.warning("order.odd", k=1)
    log.info("order.failed", exc_info=ValueError("x"))
    odd, failed = sink.events
    assert (odd["event"], odd["level"], odd["k"]) == ("order.odd", "warning", 1)
    assert odd["timestamp"].endswith("Z")
    assert "ValueError: x" in failed["exception_text"]


def test_the_one_processor_does_what_a_chain_does_elsewhere(sink: CapturingSink) -> None:
    log = structlog.wrap_logger(
        logweir.structlog.factory("shop.orders"),
        processors=[structlog.contextvars.merge_contextvars, logweir.structlog.processor],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        log.info("Order %s placed", 17, total=3)
    try:
        raise KeyError("k")
    except KeyError:
        log.exception("order.lost", stack_info=True)
    logweir.get_logger().info("order.seen", stack_info=True)
    placed, lost, seen = sink.events
    assert (placed["event"], placed["message"]) == ("log.record", "Order 17 placed")
    assert (placed["message_template"], placed["tenant"]) == ("Order %s placed", "acme")
    assert (placed["logger"], placed["total"], placed["level"]) == ("shop.orders", 3, "info")
    assert "positional_args" not in placed
    assert (lost["level"], lost["error_type"]) == ("error", "KeyError")
    for event in (lost, seen):
        assert "test_the_one_processor" in event["stack_info"].splitlines()[-2]


def test_structlogs_own_configuration_names_the_logger(sink: CapturingSink) -> None:
    structlog.configure(
        processors=[logweir.structlog.processor],
        logger_factory=logweir.structlog.factory,
        cache_logger_on_first_use=True,
    )
    try:
        structlog.get_logger("shop.orders").warning("order.odd")
    finally:
        structlog.reset_defaults()
    assert (sink.events[0]["logger"], sink.events[0]["level"]) == ("shop.orders", "warning")


@pytest.mark.parametrize("own", [False, True])
def test_what_a_chain_is_told_while_the_shipper_posts_is_no_event(
    sink: CapturingSink, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    monkeypatch.setattr(_this_thread, "posting", own)
    log = structlog.wrap_logger(logweir.structlog.factory(), processors=[logweir.structlog.processor])
    log.info("urllib3.connected")
    assert len(sink.events) == (not own)


def test_the_handler_keeps_extra_template_and_exception(sink: CapturingSink) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"events": {"class": "logweir.logging.Handler"}},
            "loggers": {"app.part": {"handlers": ["events"], "level": "DEBUG", "propagate": False}},
        }
    )
    log = logging.getLogger("app.part")
    log.info("Order %s placed", 17, extra={"order_id": 17, "password": "x"})
    log.warning("order.odd", extra={"service": "other", "level": "mine"})
    log.info("named", extra={"event": "order.named"})
    log.log(35, {"event": "order.dict", "n": 1})
    log.info("%d is wrong", "no number")
    try:
        raise KeyError("k")
    except KeyError:
        log.exception("it failed")
    placed, odd, named, as_dict, wrong, failed = sink.events
    assert (placed["event"], placed["message"]) == ("log.record", "Order 17 placed")
    assert (placed["message_template"], placed["order_id"]) == ("Order %s placed", 17)
    assert (placed["logger"], placed["password"]) == ("app.part", "[redacted]")
    assert (odd["event"], odd["level"], odd["service"]) == ("order.odd", "warning", "other")
    assert odd["level_"] == "mine"
    assert (named["event"], named["message"]) == ("order.named", "named")
    assert (as_dict["event"], as_dict["level"], as_dict["n"]) == ("order.dict", "warning", 1)
    assert "do not fit" in wrong["message"]
    assert (failed["level"], failed["error_type"]) == ("error", "KeyError")
    assert not {"args", "msg", "levelno", "exc_info"} & failed.keys()


@pytest.mark.parametrize(
    "text", ["done.", "...", "10.0.0.17", "1.2.3", "report.2024", ".a", "a..b", "a.b\n", "a." + "b" * 127]
)
def test_an_ordinary_message_is_no_name(sink: CapturingSink, text: str) -> None:
    logweir.logging.Handler().handle(logging.makeLogRecord({"msg": text, "levelno": 20}))
    (event,) = sink.events
    assert (event["event"], event["message"]) == ("log.record", text)


def test_the_handler_passes_over_records_of_the_sender_thread(sink: CapturingSink) -> None:
    for thread, name in ((THREAD_NAME, "ours"), ("MainThread", "theirs")):
        record = {"name": name, "msg": "x", "levelno": 20, "threadName": thread}
        logweir.logging.Handler().handle(logging.makeLogRecord(record))
    assert [event["logger"] for event in sink.events] == ["theirs"]


def test_what_urllib3_logs_while_posting_does_not_feed_itself(service: PlayedService) -> None:
    logweir.configure("shop", url=service.url, level="debug")
    urllib3 = logging.getLogger("urllib3")
    handler = logweir.logging.Handler()
    level = urllib3.level
    urllib3.addHandler(handler)
    urllib3.setLevel(logging.DEBUG)
    try:
        logweir.emit("a.b")
        assert logweir.close(10)
        transport = emitter().sink
        assert isinstance(transport, HttpTransport)
        transport._exiting = True
        logweir.emit("a.c")
        assert logweir.close(10), "posting on this thread, as at exit"
    finally:
        urllib3.removeHandler(handler)
        urllib3.setLevel(level)
    assert [event["event"] for event in service.events] == ["a.b", "a.c"]


def test_a_record_that_waited_keeps_its_time(sink: CapturingSink) -> None:
    logweir.logging.Handler().handle(logging.makeLogRecord({"msg": "x", "levelno": 20, "created": 1.5}))
    assert sink.events[0]["timestamp"] == "1970-01-01T00:00:01.500000Z"


def test_the_formatter_writes_canonical_events_to_any_stream(sink: CapturingSink) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logweir.logging.Formatter(static_fields={"region": "eu"}))
    log = logging.Logger("app")
    log.addHandler(handler)
    with logweir.bound(correlation_id="c1"):
        log.warning("Order %s", 17, extra={"order_id": 17})
    (event,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (event["event"], event["level"], event["service"]) == ("log.record", "warning", "shop")
    assert (event["message"], event["order_id"], event["region"]) == ("Order 17", 17, "eu")
    assert event["correlation_id"] == "c1"
    assert not sink.events


def test_bound_restores_the_values_of_its_keys_and_leaves_others(sink: CapturingSink) -> None:
    logweir.bind(user_id="u1", token="x")
    with logweir.bound(user_id="u2", job="nightly"):
        logweir.bind(more=1)
        logweir.emit("a.b")
    logweir.emit("a.c")
    logweir.unbind("more", "absent")
    logweir.emit("a.d")
    inside, after, last = sink.events
    assert (inside["user_id"], inside["job"], inside["token"]) == ("u2", "nightly", "[redacted]")
    assert (after["user_id"], after["more"], "job" in after) == ("u1", 1, False)
    assert "more" not in last


def test_a_child_context_does_not_change_its_parents(sink: CapturingSink) -> None:
    logweir.bind(k=1)
    contextvars.copy_context().run(logweir.bind, k=2)
    logweir.emit("a.b")
    assert sink.events[0]["k"] == 1


def test_a_timed_block_is_one_event_at_its_end(sink: CapturingSink) -> None:
    with logweir.event("db.query", table="orders") as query:
        logweir.emit("inside.it")
        query["rows"] = 3
        with logweir.event("db.fetch"):
            pass
    inside, fetch, query_event = sink.events
    assert (query_event["rows"], query_event["table"], query_event["outcome"]) == (3, "orders", "success")
    assert query_event["duration_seconds"] >= fetch["duration_seconds"] >= 0
    assert inside["parent_span_id"] == fetch["parent_span_id"] == query_event["span_id"]
    assert inside["correlation_id"] == fetch["correlation_id"] == query_event["correlation_id"]
    logweir.emit("after.it")
    assert "correlation_id" not in sink.events[-1]
    assert "parent_span_id" not in sink.events[-1]


def test_an_exception_through_several_timed_blocks_is_one_error(sink: CapturingSink) -> None:
    with pytest.raises(ValueError, match="x"), logweir.event("job.run"), logweir.event("db.query"):
        raise ValueError("x")
    query, job = sink.events
    assert (query["level"], query["outcome"], query["error_type"]) == ("warning", "failure", "ValueError")
    assert (job["level"], job["outcome"]) == ("error", "failure")
    assert query["error_id"] == job["error_id"]
    assert job["exception"][0]["handled"] is False


@logweir.event("job.run")
async def failing_job() -> None:
    await asyncio.sleep(0)
    raise ValueError("x")


@pytest.mark.parametrize("outlives", [False, True])
def test_a_failure_in_a_task_of_its_own_is_an_error(sink: CapturingSink, outlives: bool) -> None:
    async def main() -> None:
        with logweir.event("http.like"):
            task = asyncio.create_task(failing_job())
            if not outlives:
                await asyncio.wait([task])
        await asyncio.wait([task])
        task.exception()

    asyncio.run(main())
    (job,) = sink.named("job.run")
    (request,) = sink.named("http.like")
    assert (job["level"], job["exception"][0]["handled"]) == ("error", False)
    assert job["parent_span_id"] == request["span_id"]
    assert (request["level"], request["outcome"]) == ("info", "success")


def test_a_failure_in_a_thread_that_is_waited_for_is_one_error(sink: CapturingSink) -> None:
    async def main() -> None:
        with logweir.event("http.like"):
            await asyncio.to_thread(fail)

    @logweir.event("db.query")
    def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        asyncio.run(main())
    assert [event["level"] for event in sink.events] == ["warning", "error"]


def test_an_event_times_one_block_only(sink: CapturingSink) -> None:
    timed = logweir.event("db.query")
    with timed, pytest.raises(RuntimeError, match="one block"), timed:
        pass
    with pytest.raises(RuntimeError, match="one block"), timed:
        pass
    assert [event["event"] for event in sink.events] == ["db.query"]


def test_functions_of_every_kind_are_timed(sink: CapturingSink) -> None:
    @logweir.event("f.sync")
    def sync(number: int) -> int:
        return number + 1

    @logweir.event("f.async")
    async def asynchronous() -> int:
        await asyncio.sleep(0)
        return 2

    @logweir.event("f.generator")
    def generator() -> Iterator[int]:
        yield from (1, 2)

    @logweir.event("f.async_generator")
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    async def main() -> list[int]:
        return [await asynchronous(), *[item async for item in async_generator()]]

    assert sync(1) == 2
    assert asyncio.run(main()) == [2, 1]
    assert list(generator()) == [1, 2]
    assert sync.__name__ == "sync"
    names = [event["event"] for event in sink.events]
    assert names == ["f.sync", "f.async", "f.async_generator", "f.generator"]
    assert all(event["outcome"] == "success" for event in sink.events)


def test_a_timed_async_generator_is_sent_to_thrown_into_and_closed(sink: CapturingSink) -> None:
    heard: list[Any] = []

    @logweir.event("f.echo")
    async def echo() -> AsyncGenerator[int, str]:
        try:
            heard.append((yield 1))
            yield 2
        except ValueError as error:
            heard.append(error)
            raise
        finally:
            heard.append("closed")

    async def main() -> None:
        with pytest.raises(ValueError, match="x"):
            async with contextlib.asynccontextmanager(echo)():
                raise ValueError("x")
        generator = echo()
        await anext(generator)
        assert await generator.asend("hello") == 2
        await generator.aclose()

    asyncio.run(main())
    assert [str(each) for each in heard] == ["x", "closed", "hello", "closed"]
    assert [event["outcome"] for event in sink.events] == ["failure", "cancelled"]


def test_a_cancelled_task_is_cancelled_not_failed(sink: CapturingSink) -> None:
    @logweir.event("slow.thing")
    async def slow() -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(slow(), 0.001))
    (event,) = sink.events
    assert (event["outcome"], event["level"]) == ("cancelled", "info")
    assert "exception" not in event


def test_a_sink_that_fails_never_fails_the_application(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def put(self, line: bytes, level: str) -> None:
            raise OSError("no")

    logweir.configure("shop", to=Broken())
    logweir.emit("a.b")
    logweir.emit("a.b")
    assert capfd.readouterr().err == "logweir: an event was lost: OSError: no\n"
    assert logweir.stats()["dropped"] == {"failed": {"info": 2}}


def test_names_and_levels_of_any_type_cost_no_event(sink: CapturingSink) -> None:
    log = logweir.get_logger()
    log.info({"a": 1})  # type: ignore[arg-type]
    log.log("9" * 5000, "a.b")  # type: ignore[arg-type]
    logweir.emit("a.c", ["x"])  # type: ignore[arg-type]
    logweir.emit("a.d", "40")
    assert [(event["event"], event["level"]) for event in sink.events] == [
        ("log.record", "info"),
        ("a.b", "info"),
        ("a.c", "info"),
        ("a.d", "error"),
    ]
    assert sink.events[0]["message"] == {"a": 1}
    assert logweir.stats()["dropped"] == {}
