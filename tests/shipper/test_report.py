"""What is told to Sentry by hand elsewhere is an event here."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

import logweir
from logweir.asgi import Message, Receive, Scope, Send
from logweir.testing import CapturingSink


def test_the_exception_being_handled_is_captured_as_handled(sink: CapturingSink) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        error_id = logweir.capture_exception(component="billing")
    (event,) = sink.events
    assert (event["event"], event["level"], event["component"]) == ("exception.captured", "error", "billing")
    assert (event["error_type"], event["exception"][0]["value"]) == ("ValueError", "no")
    assert event["exception"][0]["handled"] is True
    assert event["error_id"] == error_id


def test_an_exception_handed_over_is_captured_though_another_is_handled(sink: CapturingSink) -> None:
    class Empty(Exception):
        def __len__(self) -> int:
            return 0

    try:
        raise ValueError("current")
    except ValueError:
        logweir.capture_exception(KeyError("kept"))
        logweir.capture_exception(Empty())
    assert [event["error_type"] for event in sink.events] == ["KeyError", "Empty"]


def test_one_exception_captured_twice_has_one_id_though_it_takes_no_attributes(sink: CapturingSink) -> None:
    class Closed(Exception):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    for error in (ValueError("open"), Closed("closed")):
        sink.clear()
        error_id = logweir.capture_exception(error)
        assert sink.events[0]["error_id"] == error_id


def test_without_an_exception_it_says_so(sink: CapturingSink) -> None:
    assert logweir.capture_exception() is None
    (event,) = sink.events
    assert (event["level"], event["message"]) == (
        "error",
        "capture_exception() was called where no exception was being handled",
    )
    assert "exception" not in event


def test_a_message_is_promoted_whatever_its_level_and_masked(sink: CapturingSink) -> None:
    logweir.capture_message("order.placed")
    logweir.capture_message("password=hunter2 was refused", "warning", shop=7)
    named, masked = sink.events
    assert (named["event"], named["message"], named["promote"]) == ("log.record", "order.placed", True)
    assert (masked["level"], masked["shop"], masked["promote"]) == ("warning", 7, True)
    assert "hunter2" not in masked["message"]


def test_a_process_that_promotes_nothing_promotes_no_message() -> None:
    captured = CapturingSink()
    logweir.configure("shop", to=captured, promote=False)
    logweir.capture_message("hello")
    assert captured.events[0]["promote"] is False


def test_a_user_is_a_pseudonym_unless_more_is_asked_for(sink: CapturingSink) -> None:
    logweir.set_user(48213, email="a@example.org", username="ann")
    logweir.emit("a.b")
    logweir.set_user(UUID(int=1), email="a@example.org", username="ann", personal=True)
    logweir.emit("a.b")
    logweir.set_user("48214")
    logweir.emit("a.b")
    logweir.set_user(None, email="a@example.org", personal=True)
    logweir.emit("a.b")
    users = [{key: event[key] for key in event if key.startswith("user_")} for event in sink.events]
    assert users == [
        {"user_id": "48213"},
        {"user_id": str(UUID(int=1)), "user_email": "a@example.org", "user_username": "ann"},
        {"user_id": "48214"},
        {},
    ]


def test_calls_of_the_sdk_need_no_other_change(sink: CapturingSink) -> None:
    logweir.set_user({"id": 48213, "email": "a@example.org", "ip_address": "10.0.0.7"})
    logweir.add_breadcrumb(category="cart", message="cart loaded", level="info", data={"items": 3})
    logweir.capture_message(message="hello", level="warning")
    logweir.capture_exception(error=ValueError("no"))
    logweir.set_user({"id": "u1", "username": "ann"}, personal=True)
    crumb, message, error = sink.events
    assert (crumb["message"], crumb["data"], crumb["user_id"]) == ("cart loaded", {"items": 3}, "48213")
    assert (message["message"], error["error_type"]) == ("hello", "ValueError")
    assert b"example.org" not in b"".join(sink.lines)
    assert b"10.0.0.7" not in b"".join(sink.lines)
    logweir.emit("a.b")
    assert (sink.events[-1]["user_id"], sink.events[-1]["user_username"]) == ("u1", "ann")


def test_tags_are_texts_and_add_up_within_their_task(sink: CapturingSink) -> None:
    async def work(name: str) -> None:
        logweir.set_tag("worker", name)
        logweir.emit("work.done")

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    logweir.set_tag("beta", True)
    logweir.set_tag("shard", 3)
    asyncio.run(both())
    logweir.set_tag("shard", None)
    logweir.set_tag("api_key", "hunter2")
    logweir.emit("work.done")
    assert [event["tags"] for event in sink.events] == [
        {"beta": "true", "shard": "3", "worker": "a"},
        {"beta": "true", "shard": "3", "worker": "b"},
        {"beta": "true", "api_key": "[redacted]"},
    ]


def test_an_event_has_tags_of_its_own_beside_those_bound(sink: CapturingSink) -> None:
    logweir.set_tag("shard", 3)
    logweir.capture_message("hello", tags={"color": "red"})
    logweir.capture_exception(ValueError("no"), tags={"color": "blue"})
    logweir.emit("a.b")
    assert [event["tags"] for event in sink.events] == [
        {"shard": "3", "color": "red"},
        {"shard": "3", "color": "blue"},
        {"shard": "3"},
    ]


@pytest.mark.parametrize(
    ("given", "told"), [("info", "info"), ("WARN", "warning"), ("fatal", "warning"), ("odd", "info")]
)
def test_a_breadcrumb_is_no_error(given: str, told: str, sink: CapturingSink) -> None:
    logweir.add_breadcrumb("cart loaded", category="cart", level=given, items=3)
    logweir.add_breadcrumb("and gone")
    logweir.add_breadcrumb({"message": "cart loaded", "category": "cart", "level": given, "items": 3})
    crumb, plain, as_dict = sink.events
    assert as_dict == crumb | {"timestamp": as_dict["timestamp"]}
    assert (crumb["event"], crumb["level"]) == ("breadcrumb", told)
    assert (crumb["message"], crumb["category"], crumb["items"]) == ("cart loaded", "cart", 3)
    assert "category" not in plain


def test_nothing_that_is_passed_in_raises(sink: CapturingSink) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("never")

        __repr__ = __eq__ = __str__  # type: ignore[assignment]
        __hash__ = object.__hash__

    hostile = Hostile()
    logweir.set_tag(hostile, hostile)  # type: ignore[arg-type]
    logweir.set_user(hostile)  # type: ignore[arg-type]
    logweir.capture_message(hostile, hostile, tags=hostile, x=hostile)  # type: ignore[arg-type]
    logweir.capture_exception(hostile, level=hostile, tags={hostile: hostile})  # type: ignore[arg-type, dict-item]
    logweir.add_breadcrumb(hostile, category=hostile, level=hostile)  # type: ignore[arg-type]
    assert len(sink.lines) == 3


def test_user_and_tags_end_with_the_request_that_bound_them(sink: CapturingSink) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        logweir.set_user("48213")
        logweir.set_tag("shard", 3)
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        pass

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await logweir.asgi.Middleware(application)(scope, receive, send)
        logweir.emit("a.b")

    asyncio.run(serve())
    request, later = sink.events
    assert (request["user_id"], request["tags"]) == ("48213", {"shard": "3"})
    assert not {"user_id", "tags"} & later.keys()
