"""The fixture as an application's own tests use it, in a pytest of their own."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import Any

import pytest

pytest_plugins = ["pytester"]

SHOP = """
import logweir

def create_order(order_id):
    logweir.bind(customer="c1")
    with logweir.event("order.created", order_id=order_id):
        logweir.get_logger("shop").debug("stock.checked", order_id=order_id)

def main():
    logweir.configure("shop", url="http://127.0.0.1:9", level="error", environment="test")
    create_order(1)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(shop=SHOP)

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_shop=tests)
        loaded = () if plugin_is_installed() else ("-p", "logweir.pytest_plugin")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *loaded, *options, timeout=60)

    return run


def plugin_is_installed() -> bool:
    return any(point.value == "logweir.pytest_plugin" for point in entry_points(group="pytest11"))


def test_one_event_is_found_by_its_name_and_fields(run: Any) -> None:
    run("""
    import shop

    def test_it(logweir_events):
        shop.create_order(1)
        shop.create_order(2)
        created = logweir_events.one("order.created", order_id=1)
        assert created["outcome"] == "success" and created["customer"] == "c1"
        assert [each["order_id"] for each in logweir_events.all("order.created")] == [1, 2]
        assert len(logweir_events.all(order_id=2)) == 2 and len(logweir_events) == 4
        logweir_events.none("order.created", order_id=3)
        logweir_events.clear()
        logweir_events.none()
    """).assert_outcomes(passed=1)


def test_a_failure_lists_what_was_emitted_and_points_at_the_test(run: Any) -> None:
    result = run("""
    import shop

    def test_missing(logweir_events):
        shop.create_order(2)
        logweir_events.one("order.created", order_id=1)

    def test_twice(logweir_events):
        shop.create_order(1)
        logweir_events.one(order_id=1)

    def test_none(logweir_events):
        shop.create_order(1)
        logweir_events.none("order.created")

    def test_silent(logweir_events):
        logweir_events.one("order.created")
    """)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: no event order.created with order_id=1; emitted were:",
            "*  stock.checked (debug)*order_id=2*",
            "*  order.created (info)*order_id=2*",
            "*AssertionError: 2 events at all with order_id=1; emitted were:",
            "*AssertionError: there should be no event order.created; emitted were:",
            "*AssertionError: no event order.created; nothing was emitted",
        ]
    )
    assert "testing.py" not in result.stdout.str()
    assert re.search(r"^test_shop\.py:\d+: AssertionError$", result.stdout.str(), re.M)


def test_what_the_application_configures_counts_but_not_where_events_go(run: Any) -> None:
    result = run("""
    import shop, threading

    def test_it(logweir_events):
        before = threading.active_count()
        shop.main()
        assert logweir_events.one("order.created")["service"] == "shop"
        assert logweir_events.one("stock.checked")["environment"] == "test"
        assert threading.active_count() == before
    """)
    result.assert_outcomes(passed=1)
    assert "order.created" not in result.stdout.str()


def test_the_earlier_configuration_and_context_are_restored(run: Any) -> None:
    run("""
    import logweir, shop
    from logweir import context, process
    from logweir.testing import CapturingSink

    mine = CapturingSink()
    logweir.configure("mine", to=mine, level="warning")
    emitter = process.emitter()

    def test_first(logweir_events):
        shop.create_order(1)
        logweir.configure("other")
        logweir.emit("a.b")
        assert logweir_events.one("a.b")["service"] == "other"
        assert mine.events == []

    def test_second():
        assert process.emitter() is emitter
        assert context.current() == {}
        logweir.emit("c.d", "error")
        logweir.emit("e.f", "info")
        assert [event["event"] for event in mine.events] == ["c.d"]

    def test_third(logweir_events):
        assert len(logweir_events) == 0
    """).assert_outcomes(passed=3)


def test_what_a_test_lets_capture_is_captured_no_more_afterwards(run: Any) -> None:
    run("""
    import logging, sys, logweir

    before = sys.excepthook, list(logging.getLogger().handlers)

    def test_first(logweir_events):
        logweir.configure("shop", capture=("logging", "excepthook"))
        logging.getLogger("x").warning("late")
        logweir_events.one(message="late")
        assert sys.excepthook is not before[0]

    def test_second():
        assert sys.excepthook is before[0]
        handlers = logging.getLogger().handlers
        assert not [each for each in handlers if isinstance(each, logweir.logging.Handler)]
    """).assert_outcomes(passed=2)


def test_each_process_of_xdist_sees_its_own_events(run: Any) -> None:
    run(
        """
    import pytest, shop

    @pytest.mark.parametrize("number", range(12))
    def test_it(logweir_events, number):
        shop.create_order(number)
        logweir_events.one("order.created")
        logweir_events.one("order.created", order_id=number)
    """,
        "-n",
        "2",
    ).assert_outcomes(passed=12)


def test_events_of_threads_tasks_and_the_standard_library_are_seen(run: Any) -> None:
    run("""
    import asyncio, logging, threading, logweir

    def test_it(logweir_events):
        logger = logging.getLogger("shop")
        logger.addHandler(logweir.logging.Handler())
        logger.warning("late by %d", 3, extra={"order_id": 4})
        thread = threading.Thread(target=logweir.emit, args=("in.thread",))
        thread.start()
        thread.join()
        asyncio.run(asyncio.to_thread(logweir.emit, "in.task"))
        logweir_events.one("log.record", message="late by 3", order_id=4, level="warning")
        logweir_events.one("in.thread")
        logweir_events.one("in.task")
    """).assert_outcomes(passed=1)


def test_fields_match_as_json_has_them(run: Any) -> None:
    run("""
    import uuid, datetime, pytest, logweir

    def test_it(logweir_events):
        order = uuid.uuid4()
        when = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        logweir.emit("a.b", order=order, when=when, items=("x", 1), total=0.1 + 0.2, note=None)
        one = logweir_events.one
        assert one("a.b", order=order) == one(when=when) == one(items=("x", 1)) == one(items=["x", 1])
        one(total=pytest.approx(0.3), order=..., note=None, absent=None)
        logweir_events.none(absent=...)
        logweir_events.none(order=uuid.uuid4())
        logweir_events.none(level="warning")
        logweir.emit("c.d", number=2**70, text="\\ud800")
        one("c.d", number=2**70, text="\\ud800", level="info")
    """).assert_outcomes(passed=1)


def test_a_test_that_does_not_ask_for_it_imports_nothing(run: Any) -> None:
    run("""
    import sys

    def test_it(request):
        assert "logweir.pytest_plugin" in sys.modules
        loaded = {name for name in sys.modules if name.partition(".")[0] == "logweir"}
        assert loaded == {"logweir", "logweir.pytest_plugin"}
        assert not {"orjson", "structlog", "urllib3"} & sys.modules.keys()
    """).assert_outcomes(passed=1)


def test_events_are_seen_where_the_environment_switches_them_off(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGWEIR_ENABLED", "false")
    run("""
    import logweir, shop

    def test_it(logweir_events):
        shop.main()
        logweir_events.one("order.created")
    """).assert_outcomes(passed=1)


def test_a_broken_environment_does_not_stop_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGWEIR_URL", "ftp://nowhere")
    run("""
    import logweir

    def test_it(logweir_events):
        logweir.emit("a.b")
        logweir_events.one("a.b")
    """).assert_outcomes(passed=1)
