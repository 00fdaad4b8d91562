"""What the verdicts on a body's lines add up to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from logweir_service.event import Event

from .batch import Batch, Lost, Rejection
from .line import Accepted, Control, identifies
from .refused import Refused


class Canonical(NamedTuple):
    """What was found in a stretch whose lines are all accepted as they are."""

    events: list[Event]
    services: set[str]
    correlation_ids: list[str]
    """As often as they occur."""


class Gathered:
    """A batch in the making: stretches and lines are added in the order of the body."""

    def __init__(self) -> None:
        self.index = 0
        """Lines looked at."""
        self._lines: list[bytes] = []
        self._count = 0
        self._ids: set[str] = set()
        self._services: set[str] = set()
        self._numbers: list[Sequence[int]] = []
        self._rejections: list[Rejection] = []
        self._event_ids: list[tuple[int, str, str]] = []
        self._lost: list[Lost] = []
        self._span = 0
        self._closed = False
        self._as_it_came = True

    def take_all(
        self, stretch: bytes, found: Canonical, event_ids: Sequence[object], *, as_it_came: bool
    ) -> None:
        """Keep a whole stretch; `event_ids` has one for each of its events, or none at all."""
        count = len(found.events)
        self._as_it_came = self._as_it_came and as_it_came
        for place, event_id in enumerate(event_ids):
            if isinstance(event_id, str) and identifies(event_id):
                self._event_ids.append((self._count + place, found.events[place].service, event_id))
        self._lines.append(stretch)
        self._ids.update(found.correlation_ids)
        self._services |= found.services
        self._numbers.append(range(self._span, self._span + count))
        self._count += count
        self._span += count
        self.index += count

    def take(self, verdict: Accepted | Control) -> None:
        """Keep an event, or heed a control line."""
        self._as_it_came = False
        if isinstance(verdict, Control):
            self._closed = self._closed or verdict.closed
            if verdict.lost:
                self._lost.append(Lost(self._span, verdict.lost))
            self._span += verdict.lost
            return
        if verdict.event_id is not None:
            self._event_ids.append((self._count, verdict.service, verdict.event_id))
        self._lines.append(verdict.line + b"\n")
        if verdict.correlation_id is not None:
            self._ids.add(verdict.correlation_id)
        self._services.add(verdict.service)
        self._numbers.append((self._span,))
        self._count += 1
        self._span += 1

    def refuse(self, line: bytes, refused: Refused) -> None:
        """Set an event aside; it takes its number all the same."""
        self._as_it_came = False
        self._rejections.append(
            Rejection(self.index, refused.code, refused.field, refused.message, line, self._span)
        )
        self._span += 1

    def batch(self, body: bytes) -> Batch:
        """The whole of it, which is the very `body` where nothing was changed."""
        is_same = self._as_it_came and self._count == self.index
        return Batch(
            lines=body if is_same else b"".join(self._lines),
            count=self._count,
            span=self._span,
            correlation_ids=self._ids,
            services=self._services,
            numbers=None if is_same else [*chain.from_iterable(self._numbers)],
            rejections=self._rejections,
            lost=self._lost,
            closed=self._closed,
            event_ids=self._event_ids,
        )
