"""loguru's own logger, with our sink: every record is an event, and the shipper's own none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import loguru
import pytest

import logweir
from logweir.sender import THREAD_NAME
from logweir.testing import CapturingSink
from tests.shipper.service import PlayedService

if TYPE_CHECKING:
    from loguru import Logger


@pytest.fixture
def log() -> Iterator[Logger]:
    loguru.logger.remove()
    yield loguru.logger
    loguru.logger.remove()


def test_all_that_was_bound_or_given_is_kept(sink: CapturingSink, log: Logger) -> None:
    logweir.loguru.add(log)
    with logweir.bound(correlation_id="c1"):
        log.bind(tenant="acme").success("Order {order_id} placed", order_id=17, password="x")
    log.warning("order.odd")
    log.trace("named", event="order.named", level="mine", message="theirs")
    placed, odd, named = sink.events
    assert (placed["event"], placed["level"], placed["message"]) == ("log.record", "info", "Order 17 placed")
    assert (placed["order_id"], placed["tenant"], placed["password"]) == (17, "acme", "[redacted]")
    assert (placed["logger"], placed["correlation_id"]) == (__name__, "c1")
    assert (odd["event"], odd["level"], "message" in odd) == ("order.odd", "warning", False)
    assert (named["event"], named["level"], named["message"]) == ("order.named", "debug", "named")
    assert (named["level_"], named["message_"]) == ("mine", "theirs")


def test_an_exception_is_data_and_no_local_variable_is_read(sink: CapturingSink, log: Logger) -> None:
    class Seen:
        def __repr__(self) -> str:
            raise AssertionError("the value of a local variable was read")

    logweir.loguru.add(log)
    local = Seen()
    try:
        raise KeyError("k", local is None)
    except KeyError:
        log.exception("It failed")
    (failed,) = sink.events
    assert (failed["level"], failed["error_type"], failed["message"]) == ("error", "KeyError", "It failed")
    assert failed["exception"][0]["frames"][-1]["function"].startswith("test_an_exception_is_data")
    assert "exception_text" not in failed


def test_a_plain_sink_and_a_threshold_work_as_with_any_other(sink: CapturingSink, log: Logger) -> None:
    number = log.add(logweir.loguru.sink, level="ERROR")
    log.info("too low")
    log.error("a.b")
    log.remove(number)
    log.error("removed")
    assert [event["event"] for event in sink.events] == ["a.b"]


def test_a_record_that_waited_in_a_queue_keeps_its_time(sink: CapturingSink, log: Logger) -> None:
    logweir.loguru.add(log)
    log.patch(lambda record: record.update({"time": loguru_time(1.5)})).info("x")
    assert sink.events[0]["timestamp"] == "1970-01-01T00:00:01.500000Z"


def loguru_time(seconds: float) -> Any:
    from loguru._datetime import datetime as loguru_datetime  # noqa: PLC0415 - its own subclass

    return loguru_datetime.fromtimestamp(seconds)


def test_records_of_the_sender_thread_are_passed_over(sink: CapturingSink, log: Logger) -> None:
    logweir.loguru.add(log)
    thread = threading.Thread(target=lambda: log.info("ours"), name=THREAD_NAME)
    thread.start()
    thread.join()
    log.info("theirs")
    assert [event["message"] for event in sink.events] == ["theirs"]


class Intercepting(logging.Handler):
    """As loguru's documentation has it, for all records of the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        loguru.logger.opt(depth=6, exception=record.exc_info).log(record.levelno, record.getMessage())


def test_what_urllib3_logs_while_posting_does_not_feed_itself(service: PlayedService, log: Logger) -> None:
    logweir.configure("shop", url=service.url, level="debug")
    logweir.loguru.add(log)
    urllib3, handler = logging.getLogger("urllib3"), Intercepting()
    level = urllib3.level
    urllib3.addHandler(handler)
    urllib3.setLevel(logging.DEBUG)
    try:
        logweir.emit("a.b")
        assert logweir.close(10)
    finally:
        urllib3.removeHandler(handler)
        urllib3.setLevel(level)
    assert [event["event"] for event in service.events] == ["a.b"]
