from __future__ import annotations

import asyncio
import json

import pytest

from logweir_service.event import StoredEvent
from logweir_service.expose.pages.identify import identifier
from logweir_service.find import Asked, Page

EVENT = {"event": "a.b", "service": "shop", "level": "info", "timestamp": "2026-09-21T00:00:00Z"}
IDS = {"correlation_id": "order-7", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "event_id": "e-000000001"}


class Journal:
    """One event, and by what it was looked for."""

    def __init__(self, **ids: str) -> None:
        self.ids = ids
        self.kinds: list[str] = []

    async def __call__(self, asked: Asked) -> Page:
        self.kinds.append(asked.kind)
        if self.ids.get(asked.kind) != asked.value:
            return Page(())
        return Page((StoredEvent(3, 1, 0.0, json.dumps(EVENT | self.ids).encode()),))


def identify(text: str, journal: Journal) -> str | None:
    return asyncio.run(identifier(journal)(text))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("order-7", "/c/order-7"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "/c/order-7"),
        ("e-000000001", "/c/order-7#e3-1"),
        ("order-8-and-more", None),
    ],
)
def test_an_id_of_any_kind_leads_to_its_story(text, path):
    assert identify(text, Journal(**IDS)) == path


def test_a_word_is_only_looked_for_where_that_is_quick():
    journal = Journal(**IDS)
    assert identify("timeouts", journal) is None
    assert identify("e502", journal) is None
    assert journal.kinds == ["correlation_id", "correlation_id"]


def test_an_event_that_has_no_story_leads_nowhere():
    assert identify("e-000000001", Journal(event_id="e-000000001")) is None
