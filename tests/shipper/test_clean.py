"""One odd value costs itself alone: never its event, never an exception in the application."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import logweir
from logweir.clean import Cleaner
from logweir.encode import Encoder
from logweir.testing import CapturingSink


@dataclasses.dataclass
class Raising:
    x: int = 1

    def __getattribute__(self, name: str) -> Any:
        if name == "x":
            raise RuntimeError("no")
        return super().__getattribute__(name)


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no")


ODD: dict[str, tuple[Any, Any]] = {
    "signalling nan": (Decimal("sNaN"), "sNaN"),
    "fraction": (Fraction(10**400), str(10**400)),
    "fraction without a text": (Fraction(10**5000), "<Fraction>"),
    "raising attribute": (Raising(), "<Raising>"),
    "raising class": (Liar(), "<Liar>"),
    "time of a zone": (time(12, tzinfo=UTC), "12:00:00+00:00"),
    "raising key": ({Liar(): 1}, None),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_value_can_be_bound(sink: CapturingSink, kind: str) -> None:
    value, _ = ODD[kind]
    logweir.bind(odd=value, user_id="u1")
    with logweir.bound(other=value):
        logweir.emit("a.b", k=1)
    (event,) = sink.events
    assert (event["user_id"], event["k"]) == ("u1", 1)
    assert event["odd"] == event["other"]


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_value_costs_only_itself(sink: CapturingSink, kind: str) -> None:
    value, written = ODD[kind]
    with logweir.bound(correlation_id="c1"):
        logweir.get_logger().error("a.b", odd=[value, 2], k=1, exc_info=ValueError("x"))
    (event,) = sink.events
    assert (event["event"], event["correlation_id"], event["k"]) == ("a.b", "c1", 1)
    assert event["exception"][0]["value"] == "x"
    assert event["odd"][1] == 2
    assert written is None or event["odd"][0] == written


def test_a_key_that_is_no_text_becomes_one() -> None:
    assert Cleaner().clean({1: "x", Liar(): 2, "k": 3})["1"] == "x"  # type: ignore[dict-item]


def test_times_of_any_zone_stay_times_beside_what_must_be_repaired() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert Cleaner(strict=True).clean({"at": at}) == {"at": "2026-01-02T03:04:05+00:00"}


def test_a_setting_that_is_no_unicode_costs_no_event() -> None:
    line = Encoder({"service": "shop", "environment": "\ud800"}).encode("a.b", "info", {"k": 1}, {})
    assert b'"environment":"?"' in line
    assert b'"k":1' in line


def test_an_exception_that_cannot_be_described_costs_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a loader's own")

    monkeypatch.setattr("linecache.getline", fail)
    try:
        raise ValueError("x")
    except ValueError as error:
        line = Encoder({"service": "shop"}).encode("a.b", "info", {"k": 1}, {}, error)
    assert b'"k":1' in line
    assert b'"error_type":"ValueError"' in line


def test_the_last_resort_keeps_the_context() -> None:
    class Unasked:
        def __bool__(self) -> bool:
            raise RuntimeError("no")

    line = Encoder({"service": "shop"}).encode(
        "a.b", "info", {"exc_info": Unasked()}, {"correlation_id": "c1"}
    )
    assert b'"correlation_id":"c1"' in line
    assert b'"_encode_error":"RuntimeError"' in line
