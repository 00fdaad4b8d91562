"""A journal in memory, a clock that is set by hand, and rules as the packs bring them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec

from logweir_service.event import Event, StoredBatch, StoredEvent, event_type, rfc3339
from logweir_service.promote import Selection
from logweir_service.promote.answer import Outcome
from logweir_service.rules import BreadcrumbsRule, PromoteRule, compile_predicate

JOURNAL = UUID("0b5e5b9e-6d43-4f7e-9d0d-2b6f6a2f6c11")
NOON = 1_767_268_800.0


def promote_rule(when: str = 'level in ("error", "critical")', unless: str | None = None, **fields: Any):
    fields.setdefault("breadcrumbs", BreadcrumbsRule())
    return PromoteRule(
        name=fields.pop("name", "errors"),
        when=compile_predicate(when),
        unless=compile_predicate(unless) if unless else None,
        **fields,
    )


def event(name: str = "payment.failed", *, at: float = 0.0, **fields: Any) -> dict[str, Any]:
    """An event `at` seconds after noon."""
    fixed = {"event": name, "service": "shop", "level": "error", "timestamp": rfc3339(NOON + at)}
    return fixed | fields


def stored(fields: dict[str, Any], *, lsn: int = 1, index: int = 0, received: float = 0.0) -> StoredEvent:
    return StoredEvent(lsn, index, NOON + received, json.dumps(fields).encode())


class FakeJournal:
    """Commits in memory; counts how many are read back."""

    identifier = JOURNAL

    def __init__(self) -> None:
        self.commits: list[StoredBatch] = []
        self.read: list[int] = []

    @property
    def last_lsn(self) -> int:
        return len(self.commits)

    def commit(self, *events: dict[str, Any], received: float = 0.0) -> int:
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in events)
        self.commits.append(StoredBatch(len(self.commits) + 1, NOON + received, lines))
        return len(self.commits)

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        for batch in self.commits[max(after_lsn, 0) :]:
            self.read.append(batch.lsn)
            yield batch

    def story(self, correlation_id: str) -> list[StoredEvent]:
        return [
            StoredEvent(batch.lsn, index, batch.received, line)
            for batch in self.commits
            for index, line in enumerate(batch.lines.splitlines())
            if json.loads(line).get("correlation_id") == correlation_id
        ]


def decoded(selection: Selection, *events: dict[str, Any]) -> list[Event]:
    decoder = msgspec.json.Decoder(event_type(selection.fields))
    return [decoder.decode(json.dumps(each).encode()) for each in events]


class Clock:
    """Seconds since the epoch, moved by the test."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def set(self, after_noon: float) -> None:
        self.now = NOON + after_noon


class ScriptedSender:
    """Answers from a script, then always with a delivery; remembers what it was given."""

    def __init__(self, *, clock: Clock) -> None:
        self.outcomes: list[Outcome] = []
        self.sent: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.closed = False
        self._clock = clock

    def send(self, event: dict[str, Any]) -> Outcome:
        self.sent.append(event)
        self.times.append(self._clock())
        return self.outcomes.pop(0) if self.outcomes else Outcome("delivered")

    def close(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.sent]
