"""Follows the journal: what a query accepts of what was stored lately, in bounded steps.

Nothing is added to the way of a commit: a tail looks by itself whether there is more. One that cannot keep up
passes over what is left, and says how many events that were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from logweir_service.event import StoredBatch

from .cursor import Place
from .query import Query
from .scan import Found

POLL_SECONDS: Final = 0.25

ROWS_PER_SECOND: Final = 200
"""Events shown; more nobody reads."""

BURST_ROWS: Final = 1000
"""Events shown at once, after nothing was for a while."""

LATE_SECONDS: Final = 5.0
"""What was received longer ago, and cannot be looked at at once, is passed over."""

_STEP_BYTES: Final = 1 << 20
"""Of events shown in one step; it may be more by one batch."""

_END: Final = 10**9 - 1
"""Stands for the last event of a commit."""


class Reader(Protocol):
    """What a tail needs of the journal."""

    def last_lsn(self) -> int:
        """The last commit there is."""

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The batches behind a commit, in order."""

    def events(self, after_lsn: int, upto_lsn: int) -> Iterator[tuple[int, int]]:
        """How many events came behind a commit and up to another: in parts, each with its last commit."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Events that were passed over unseen, whether the query accepts them or not."""

    count: int


Told: TypeAlias = Found | Dropped


@dataclass(frozen=True, slots=True)
class Followed:
    """What one step has told, and the place that everything up to was looked at by then."""

    told: list[Told]
    place: Place


class Tail:
    """A cursor over the journal that gives what is new with each `poll`; one thread at a time."""

    def __init__(
        self,
        reader: Reader,
        query: Query,
        *,
        after: Place | None = None,
        step_seconds: Callable[[], float] = lambda: 0.05,
        rows_per_second: float = ROWS_PER_SECOND,
        ticks: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin behind the place `after`, or with what comes from now on."""
        last = Place(reader.last_lsn(), _END)
        self.place = last if after is None else min(after, last)
        """Everything up to here was looked at, or passed over."""
        self._reader = reader
        self._query = query
        self._step_seconds = step_seconds
        self._rows_per_second = rows_per_second
        self._ticks = ticks
        self._clock = clock
        self._rows: float = BURST_ROWS
        self._polled = ticks()
        self._passing: _Passing | None = None

    def poll(self) -> list[Told]:
        """What came since; nothing where a step was not enough to tell."""
        began = self._ticks()
        self._rows = min(self._rows + (began - self._polled) * self._rows_per_second, BURST_ROWS)
        self._polled = began
        deadline = began + self._step_seconds()
        if self._passing is not None:
            return self._pass_over(self._passing, deadline)
        step = _Step(self._query, self.place, int(self._rows))
        late = self._look(step, deadline)
        self._rows -= len(step.found)
        self.place = step.place
        if late is not None and self._clock() - late.received > LATE_SECONDS:
            is_within = late.lsn == self.place.lsn
            rest = late.lines.count(b"\n") - self.place.index - 1 if is_within else 0
            upto = self._reader.last_lsn()
            self._passing = _Passing(upto, self._reader.events(self.place.lsn, upto), rest)
            return [*step.found, *self._pass_over(self._passing, deadline)]
        return [*step.found]

    def _look(self, step: _Step, deadline: float) -> StoredBatch | None:
        """Look at what is new; the batch that could not be looked at, or not to its end, if there is one."""
        is_within = self.place.index < _END
        looked_at = False
        for batch in self._reader.batches(self.place.lsn - is_within):
            if looked_at and (self._ticks() >= deadline or step.bytes >= _STEP_BYTES):
                return batch
            if not step.take(batch):
                return batch
            looked_at = True
        return None

    def _pass_over(self, passing: _Passing, deadline: float) -> list[Told]:
        for _, count in passing.parts:
            passing.count += count
            if self._ticks() >= deadline:
                return []
        self._passing = None
        self.place = Place(passing.upto_lsn, _END)
        return [Dropped(passing.count)] if passing.count else []


@dataclass(slots=True)
class _Passing:
    """Events that are being passed over, which takes as long as it takes to count them."""

    upto_lsn: int
    parts: Iterator[tuple[int, int]]
    count: int


class _Step:
    """What one poll finds."""

    def __init__(self, query: Query, place: Place, rows: int) -> None:
        self.found: list[Found] = []
        self.bytes = 0
        self.place = place
        self._query = query
        self._rows = rows

    def take(self, batch: StoredBatch) -> bool:
        """Look at a batch; False where there is no room for all of its events."""
        for match in self._query.matches(batch.lines):
            place = Place(batch.lsn, match.index)
            if place <= self.place:
                continue
            if len(self.found) >= self._rows:
                return False
            self.found.append(Found(place, match.line))
            self.bytes += len(match.line)
            self.place = place
        self.place = Place(batch.lsn, _END)
        return True
