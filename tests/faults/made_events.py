"""Events that a sender makes up: each is told by its key alone, so that every repeat has the same bytes."""

from __future__ import annotations

import json
import random
from typing import NamedTuple


class Item(NamedTuple):
    """A line of a body."""

    line: bytes
    span: int
    """How many numbers it takes."""
    key: str | None
    """Of an event that will be accepted."""
    is_event: bool = True


def item(key: str, *, event_id: bool = False) -> Item:
    """The line that belongs to a key: mostly an event, sometimes one to be rejected, or lost numbers."""
    dice = random.Random(key)
    kind = dice.random()
    if kind < 0.02:
        return Item(b'{"event":"http.request","no":"service"}\n', 1, None)
    if kind < 0.03:
        return Item(b"%s is not JSON\n" % key.encode(), 1, None)
    if kind < 0.05 and not event_id:
        lost = dice.randint(1, 5)
        return Item(b'{"_lost":{"count":%d}}\n' % lost, lost, None, is_event=False)
    return Item(_event(key, dice, event_id=event_id), 1, key)


def _event(key: str, dice: random.Random, *, event_id: bool) -> bytes:
    failed = dice.random() < 0.05
    fields = {
        "event": "http.request",
        "service": key.partition(".")[0],
        "level": "error" if failed else "info",
        "timestamp": "2026-09-21T14:13:20.000000Z",
        "correlation_id": key,
        "http_request_method": dice.choice(("GET", "POST")),
        "http_route": "/items/{id}",
        "http_response_status_code": 500 if failed else 200,
        "duration_seconds": dice.randint(1, 128) / 64,
        "filling": "x" * dice.choice((0, 10, 10, 300)),
    }
    if event_id:
        fields["event_id"] = key
    return json.dumps(fields).encode() + b"\n"
