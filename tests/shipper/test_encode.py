"""Every event becomes one line of JSON that the service takes, whatever an application passes in."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import re
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir.clean import MAX_TEXT_CHARACTERS
from logweir.encode import MAX_EVENT_BYTES, Encoder
from logweir.fields import EVENT_NAME

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def encode(
    event: Any = "a.b", level: str = "info", context: dict[str, Any] | None = None, **fields: Any
) -> Any:
    line = Encoder({"service": "shop"}).encode(event, level, fields, context or {})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return orjson.loads(line)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000_000_001_999, "2023-11-14T22:13:20.000001Z"),
        (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999Z"),
    ],
)
def test_the_timestamp_has_exactly_microseconds(nanoseconds: int, text: str) -> None:
    encoder = Encoder({}, clock_ns=lambda: nanoseconds)
    assert orjson.loads(encoder.encode("a.b", "info", {}, {}))["timestamp"] == text


def test_the_event_wins_over_context_and_settings() -> None:
    assert encode(context={"environment": "c", "k": 1}, environment="e")["environment"] == "e"
    encoder = Encoder({"service": "shop", "environment": "base"}, forced={"promote": False})
    event = orjson.loads(encoder.encode("a.b", "info", {"promote": True}, {"environment": "bound"}))
    assert (event["environment"], event["promote"]) == ("bound", False)


def test_a_free_text_becomes_the_message_of_a_log_record() -> None:
    event = encode("Server started!", k=1)
    assert (event["event"], event["message"], event["k"]) == ("log.record", "Server started!", 1)
    assert encode("Server started!", message="own")["message_template"] == "Server started!"
    assert encode("x" * 129)["event"] == "log.record"
    assert encode(17)["message"] == 17


scalars = st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=50)


@settings(deadline=None)
@given(fields=st.dictionaries(st.sampled_from("abcde") | st.sampled_from(["token", "_x", "level"]), scalars))
def test_the_fast_and_the_careful_way_write_the_same(fields: dict[str, Any]) -> None:
    encoder = Encoder({"service": "shop"}, clock_ns=lambda: 0)
    careful = encoder.encode("a.b", "info", dict(fields), {"u": "1"})
    fast = encoder.encode("a.b", "info", dict(fields), {"u": "1"})
    assert careful == fast


def test_odd_values_are_written_and_said_to_be_odd() -> None:
    loop: list[Any] = []
    loop.append(loop)
    event = encode(big=2**70, lone="\ud800x", nan=math.nan, loop=loop, thing=object)
    assert event["big"] == str(2**70)
    assert event["lone"] == "?x"
    assert event["nan"] is None
    assert event["thing"] == "<class 'object'>"
    assert event["_truncated"] == ["loop"]
    assert "big" in event["_encode_error"]
    assert "lone" in event["_encode_error"]


def test_a_value_whose_text_fails_costs_only_itself() -> None:
    class Nasty:
        def __str__(self) -> str:
            raise RuntimeError

    event = encode(nasty=Nasty(), fine=1)
    assert (event["nasty"], event["fine"]) == ("<Nasty>", 1)
    assert "nasty" in event["_encode_error"]


def test_foreign_types_become_what_one_expects() -> None:
    class Colour(enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Point:
        x: int
        password: str

    event = encode(
        colour=Colour.RED,
        point=Point(1, "p"),
        price=decimal.Decimal("1.5"),
        span=datetime.timedelta(seconds=90),
        raw=b"bytes",
        some={3},
        id=uuid.UUID(int=1),
    )
    assert event["colour"] == "red"
    assert event["point"] == {"x": 1, "password": "[redacted]"}
    assert (event["price"], event["span"], event["raw"], event["some"]) == (1.5, 90.0, "bytes", [3])
    assert event["id"] == str(uuid.UUID(int=1))


def test_caps_are_kept_and_named() -> None:
    deep: Any = "bottom"
    for _ in range(12):
        deep = {"d": deep}
    event = encode(text="x" * (MAX_TEXT_CHARACTERS + 1), deep=deep)
    assert len(event["text"]) == MAX_TEXT_CHARACTERS
    assert event["_truncated"][0] == "text"
    assert event["_truncated"][1].startswith("deep.d.d")
    assert "bottom" not in json.dumps(event)
    many = encode(**{f"k{number}": "v" for number in range(1000)})  # type: ignore[arg-type]
    assert len(many) < 256


def test_an_event_over_the_limit_keeps_its_core() -> None:
    fields = {f"text{number}": "x" * 15_000 for number in range(10)}
    line = Encoder({"service": "shop"}).encode("a.b", "info", {**fields, "k": 1}, {"correlation_id": "c1"})
    event = orjson.loads(line)
    assert len(line) <= MAX_EVENT_BYTES
    assert (event["event"], event["service"], event["correlation_id"], event["k"]) == ("a.b", "shop", "c1", 1)
    assert event["_truncated"][0] == "text0"


def test_an_exception_over_the_limit_keeps_its_first_entry_and_the_ends_of_its_stack() -> None:
    def descend(depth: int) -> None:
        if depth == 0:
            raise ExceptionGroup("x" * 8000, [ValueError("y" * 8000 + str(number)) for number in range(8)])
        descend(depth - 1)

    try:
        descend(60)
    except ExceptionGroup as error:
        line = Encoder({"service": "shop"}).encode("a.b", "error", {"k": 1}, {}, error)
    event = orjson.loads(line)
    (entry,) = event["exception"]
    assert len(line) <= MAX_EVENT_BYTES
    assert (entry["type"], entry["value"], event["k"]) == ("ExceptionGroup", "x" * 1024, 1)
    assert len(entry["frames"]) == 20
    assert entry["frames"][-1]["lineno"] != entry["frames"][-2]["lineno"], "where it was raised"
    assert event["_truncated"] == ["exception"]


def test_keys_of_the_service_are_not_the_applications() -> None:
    event = encode(_lost={"count": 3}, _secret=1, _flags=["f"], event_=1)
    assert "_lost" not in event
    assert "_secret" not in event
    assert event["_flags"] == ["f"]


def test_a_field_that_would_cost_the_whole_event_is_renamed() -> None:
    event = encode(level="info", context={"correlation_id": "has spaces"}, service="Not Allowed")
    assert (event["service"], event["service_"]) == ("shop", "Not Allowed")
    line = Encoder({}).encode("a.b", "info", {"correlation_id": "x y", "level": "gold"}, {})
    assert orjson.loads(line)["correlation_id_"] == "x y"
    assert orjson.loads(line)["level_"] == "gold"


def test_secrets_are_redacted_at_any_depth_and_reserved_fields_never() -> None:
    event = encode(
        password="x",
        user_token="x",
        apiKey="x",
        http_request_headers={"Authorization": "Bearer x", "accept": "text"},
        rows=[{"client-secret": "x", "n": 1}],
        gen_ai_usage_input_tokens=5,
        session_id="s1",
        tokenizer="t",
        token=None,
    )
    assert event["password"] == event["user_token"] == event["apiKey"] == "[redacted]"
    assert event["http_request_headers"] == {"Authorization": "[redacted]", "accept": "text"}
    assert event["rows"] == [{"client-secret": "[redacted]", "n": 1}]
    assert (event["gen_ai_usage_input_tokens"], event["session_id"], event["tokenizer"]) == (5, "s1", "t")
    assert event["token"] is None


def test_a_secret_key_stays_secret_once_keys_are_known() -> None:
    encoder = Encoder({})
    for _ in range(3):
        line = encoder.encode("a.b", "info", {"fine": 1, "password": "hunter2"}, {})
    assert b"hunter2" not in line


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.sets(st.integers())
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(
    event=st.text() | st.from_regex(EVENT_NAME, fullmatch=True), fields=st.dictionaries(st.text(), anything)
)
def test_any_event_becomes_one_canonical_line(event: str, fields: dict[str, Any]) -> None:
    line = Encoder({"service": "shop"}).encode(event, "info", fields, {})
    decoded = json.loads(line.decode("utf-8", "strict"))
    assert len(line) <= MAX_EVENT_BYTES
    assert line.count(b"\n") == 1
    assert EVENT_NAME.fullmatch(decoded["event"])
    assert decoded["service"] == "shop"
    assert not any(key.startswith("_") for key in decoded.keys() - {"_truncated", "_encode_error", "_flags"})
