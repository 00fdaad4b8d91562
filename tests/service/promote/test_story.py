from __future__ import annotations

import pytest

from logweir_service.promote import story
from logweir_service.promote.story import read, recent

from .parts import NOON, event, stored


def test_the_events_stored_last_are_held_within_both_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [stored(event(), lsn=lsn) for lsn in range(1, 10)]
    monkeypatch.setattr(story, "MAX_EVENTS", 5)
    assert [each.lsn for each in recent(iter(events), until=NOON)] == [5, 6, 7, 8, 9]
    monkeypatch.setattr(story, "MAX_BYTES", 2 * len(events[0].line))
    assert [each.lsn for each in recent(iter(events), until=NOON)] == [8, 9]


def test_what_is_received_later_pushes_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "MAX_EVENTS", 2)
    events = [stored(event(), lsn=lsn, received=lsn) for lsn in range(1, 10)]
    assert [each.lsn for each in recent(events, until=NOON + 4)] == [3, 4]


@pytest.mark.parametrize(
    ("timestamp", "at"), [("2026-01-01t12:00:07z", NOON + 7), ("soon", NOON + 3), (None, NOON + 3)]
)
def test_an_event_happened_at_its_timestamp_or_else_when_it_was_received(timestamp, at) -> None:
    assert read(stored(event() | {"timestamp": timestamp}, received=3)).at == at
