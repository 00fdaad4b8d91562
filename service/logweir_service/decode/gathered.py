"""What the verdicts on a body's lines add up to."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import cast

from logweir_service.event import Event

from .batch import Batch, Lost, Rejection
from .line import Accepted, Control, identifies
from .refused import Refused

_services = attrgetter("service")
_correlation_ids = attrgetter("correlation_id")


class Gathered:
    """A batch in the making: stretches and lines are added in the order of the body."""

    def __init__(self) -> None:
        self.index = 0
        """Lines looked at."""
        self._lines: list[bytes] = []
        self._count = 0
        self._ids: set[str | None] = set()
        self._services: set[str] = set()
        self._numbers: list[int] = []
        self._rejections: list[Rejection] = []
        self._event_ids: list[tuple[int, str, str]] = []
        self._lost: list[Lost] = []
        self._span = 0
        self._closed = False
        self._as_it_came = True

    def take_all(
        self, stretch: bytes, events: list[Event], event_ids: Sequence[object], *, as_it_came: bool
    ) -> None:
        """Keep a whole stretch; `event_ids` has one for each of its events, or none at all."""
        self._as_it_came = self._as_it_came and as_it_came
        for place, event_id in enumerate(event_ids):
            if isinstance(event_id, str) and identifies(event_id):
                self._event_ids.append((self._count + place, events[place].service, event_id))
        self._lines.append(stretch)
        self._ids.update(map(_correlation_ids, events))
        self._services.update(map(_services, events))
        self._numbers.extend(range(self._span, self._span + len(events)))
        self._count += len(events)
        self._span += len(events)
        self.index += len(events)

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
        self._ids.add(verdict.correlation_id)
        self._services.add(verdict.service)
        self._numbers.append(self._span)
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
        self._ids.discard(None)
        return Batch(
            lines=body if is_same else b"".join(self._lines),
            count=self._count,
            span=self._span,
            correlation_ids=cast("set[str]", self._ids),
            services=self._services,
            numbers=None if is_same else self._numbers,
            rejections=self._rejections,
            lost=self._lost,
            closed=self._closed,
            event_ids=self._event_ids,
        )
