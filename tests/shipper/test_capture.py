"""What nobody handled is an event, whoever else listens still hears of it, and all can be undone."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

import logweir
from logweir.sender import THREAD_NAME
from logweir.testing import CapturingSink


@pytest.fixture(autouse=True)
def nothing_is_captured_afterwards() -> Iterator[None]:
    yield
    logweir.capture.uninstall()


def events_of(code: str) -> tuple[list[dict[str, Any]], str, int]:
    """The events of a process of its own, what it said on standard error, and how it ended."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr, ended.returncode


def test_an_exception_that_ends_the_process_is_a_critical_event_and_still_printed() -> None:
    events, said, code = events_of("""
import logweir, sys
def earlier(*arguments):
    print("earlier", arguments[0].__name__, file=sys.stderr)
sys.excepthook = earlier
logweir.configure("shop", capture=("excepthook",))
logweir.bind(correlation_id="c1")
raise ValueError("x")
""")
    (event,) = events
    assert (event["event"], event["level"], event["origin"]) == (
        "exception.unhandled",
        "critical",
        "excepthook",
    )
    assert (event["error_type"], event["correlation_id"]) == ("ValueError", "c1")
    assert event["exception"][0]["handled"] is False
    assert said == "earlier ValueError\n"
    assert code == 1


def test_whoever_ends_a_program_by_hand_makes_no_error() -> None:
    for ending in ("KeyboardInterrupt", "SystemExit(3)"):
        code = f"import logweir; logweir.configure('shop', capture=('excepthook',)); raise {ending}"
        assert events_of(code)[0] == []


def test_an_exception_that_ends_a_thread_is_an_event_and_still_printed() -> None:
    events, said, code = events_of("""
import logweir, threading
logweir.configure("shop", capture=("threading",))
def run(error):
    raise error
for error in (ValueError("x"), SystemExit()):
    thread = threading.Thread(target=run, args=(error,), name="worker")
    thread.start()
    thread.join()
""")
    (event,) = events
    assert (event["event"], event["level"], event["origin"]) == ("exception.unhandled", "error", "threading")
    assert (event["error_type"], event["thread_name"]) == ("ValueError", "worker")
    assert "ValueError: x" in said
    assert code == 0


@pytest.mark.parametrize("run", ["asyncio.run(main())", "uvloop.run(main())"])
def test_a_task_that_failed_unawaited_is_an_event_and_still_logged(run: str) -> None:
    events, said, _ = events_of(f"""
import asyncio, gc, logweir, uvloop
logweir.configure("shop", capture=("asyncio",))
async def fail():
    raise ValueError("x")
async def main():
    asyncio.get_running_loop().set_exception_handler(None)
    task = asyncio.create_task(fail(), name="job")
    await asyncio.sleep(0.01)
    del task
    gc.collect()
{run}
""")
    (event,) = events
    assert (event["event"], event["level"], event["origin"]) == ("exception.unhandled", "error", "asyncio")
    assert (event["error_type"], event["message"]) == (
        "ValueError",
        "Task exception was never retrieved",
    )
    assert event["task_name"] == "job"
    assert "ValueError: x" in said


def test_an_applications_own_loop_handler_is_still_called(sink: CapturingSink) -> None:
    logweir.configure("shop", to=sink, capture=("asyncio",))
    heard: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: heard.append(context["message"]))
        loop.call_exception_handler({"message": "odd"})
        loop.call_exception_handler({"message": "failed", "exception": KeyError("k")})

    asyncio.run(main())
    assert heard == ["odd", "failed"]
    assert [event["event"] for event in sink.events] == ["asyncio.error", "exception.unhandled"]


def test_a_loop_that_is_known_late_is_captured_from_inside() -> None:
    events, said, _ = events_of("""
import asyncio, logweir
logweir.configure("shop", capture=("asyncio",))
import uvloop
async def main():
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "early"})
    logweir.capture.install("asyncio")
    loop.call_exception_handler({"message": "late"})
uvloop.run(main())
""")
    assert [event["message"] for event in events] == ["late"]
    assert "early" in said
    assert "late" in said


def test_a_warning_is_an_event_and_still_shown(sink: CapturingSink) -> None:
    shown: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments, **_: shown.append(arguments)
        logweir.configure("shop", to=sink, capture=("warnings",))
        warnings.warn("use the other", DeprecationWarning, stacklevel=1)
    (event,) = sink.events
    assert (event["event"], event["level"], event["message"]) == (
        "python.warning",
        "warning",
        "use the other",
    )
    assert event["warning_category"] == "DeprecationWarning"
    assert event["code_file_path"] == __file__
    assert event["code_line_number"] > 0
    assert len(shown) == 1


def test_a_place_that_was_taken_away_is_taken_again_and_reports_once(sink: CapturingSink) -> None:
    with warnings.catch_warnings():
        logweir.capture.install("warnings")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments, **_: None
        logweir.capture.install("warnings")
        ours = warnings.showwarning
        warnings.showwarning = lambda *arguments, **_: ours(*arguments)
        logweir.capture.install("warnings")
        warnings.warn("x", stacklevel=1)
    assert len(sink.events) == 1


def test_all_can_be_undone_and_only_what_is_named_stays(sink: CapturingSink) -> None:
    places: list[tuple[Any, str]] = [
        (sys, "excepthook"),
        (threading, "excepthook"),
        (warnings, "showwarning"),
    ]
    places += [(asyncio.BaseEventLoop, "call_exception_handler"), (uvloop.Loop, "call_exception_handler")]
    before = [vars(holder).get(name) for holder, name in places]
    handlers = logging.getLogger().handlers[:]
    logweir.capture.install()
    logweir.capture.install()
    assert all(vars(holder).get(name) is not was for (holder, name), was in zip(places, before, strict=True))
    assert len(logging.getLogger().handlers) == len(handlers) + 1
    logweir.configure("shop", to=sink, capture=("threading",))
    changed = [vars(holder).get(name) is not was for (holder, name), was in zip(places, before, strict=True)]
    assert changed == [False, True, False, False, False]
    logweir.configure("shop", to=sink)
    assert threading.excepthook is not before[1], "nothing was said of it"
    logweir.configure("shop", to=sink, capture=())
    assert [vars(holder).get(name) for holder, name in places] == before
    assert logging.getLogger().handlers == handlers


def test_a_hook_below_another_only_hands_on_once_it_is_uninstalled(
    sink: CapturingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *arguments: heard.append(arguments))
    logweir.capture.install("excepthook")
    monkeypatch.setattr(sys, "excepthook", functools.partial(sys.excepthook))
    error = ValueError()
    sys.excepthook(ValueError, error, None)
    logweir.capture.uninstall("excepthook")
    sys.excepthook(ValueError, error, None)
    assert len(sink.events) == 1
    assert len(heard) == 2


def test_records_of_the_root_logger_are_events(sink: CapturingSink) -> None:
    logweir.configure("shop", to=sink, capture=("logging",))
    logging.getLogger("anything").warning("x")
    logweir.capture.uninstall("logging")
    logging.getLogger("anything").warning("y")
    assert [event["message"] for event in sink.events] == ["x"]


def test_what_the_sender_thread_warns_of_is_no_event(sink: CapturingSink) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments, **_: None
        logweir.capture.install("warnings")
        thread = threading.Thread(target=warnings.warn, args=("insecure",), name=THREAD_NAME)
        thread.start()
        thread.join()
        logweir.capture.uninstall("warnings")
    assert sink.events == []


def test_an_unknown_kind_is_refused_and_changes_nothing(sink: CapturingSink) -> None:
    for wrong, told in (
        (("warnings", "everything"), "'everything' is none of"),
        ("warnings", "'warnings' is one"),
    ):
        with pytest.raises(ValueError, match=f"capture: {told}"):
            logweir.configure("other", to=sink, capture=wrong)
    assert warnings.showwarning.__module__ != "logweir.capture"
    logweir.emit("a.b")
    assert sink.events[0]["service"] == "shop"


def test_capturing_imports_nothing_before_it_is_asked_for() -> None:
    events, _, _ = events_of(
        "import logweir, sys; logweir.configure('shop', to='stdout'); "
        "logweir.emit('a.b', found='logweir.capture' in sys.modules)"
    )
    assert events[0]["found"] is False
