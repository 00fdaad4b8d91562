from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from logweir_service.decode import StoredDecoder, stored


def lines_of(*names: str) -> bytes:
    every = {"timestamp": "2026-01-01T00:00:00Z", "level": "info", "service": "shop", "a": 1, "b": 2}
    return b"".join(json.dumps(every | {"event": name}).encode() + b"\n" for name in names)


def test_fields_are_looked_for_from_the_first_event_on_that_wants_them() -> None:
    decoder = StoredDecoder(["a"], of_event={"x": ["a"], "y": ["b"]}.__getitem__)
    (first,) = decoder.events(lines_of("x"))
    (then,) = decoder.events(lines_of("x", "y"))
    assert not hasattr(first[0], "b")
    assert [(event.a, event.b) for event in then] == [(1, 2), (1, 2)]  # type: ignore[attr-defined]


def test_a_name_is_asked_for_once() -> None:
    asked = []

    def fields_of(name: str) -> Iterator[str]:
        asked.append(name)
        yield "b"

    decoder = StoredDecoder((), of_event=fields_of)
    for _ in range(3):
        assert [event.b for (event,) in decoder.events(lines_of("x"))] == [2]  # type: ignore[attr-defined]
    assert asked == ["x"]


def test_made_up_names_are_asked_for_again_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_NAMES", 3)
    asked = []

    def fields_of(name: str) -> list[str]:
        asked.append(name)
        return ["b"] if name == "x" else []

    decoder = StoredDecoder((), of_event=fields_of)
    for name in ("x", "made", "up", "more", "x"):
        (events,) = decoder.events(lines_of(name))
        assert [event.b for event in events] == [2]  # type: ignore[attr-defined]
    assert asked == ["x", "made", "up", "more", "x"]
