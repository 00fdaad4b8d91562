"""Looks through the journal for what a query accepts, from the newest event back, for as long as it may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias

from .cursor import Place
from .query import Match, Query

CLOCK_AHEAD_SECONDS: Final = 3600.0
"""Events of a sender whose clock is further ahead are missed where only the time of receipt is known."""

MAX_EVENTS: Final = 1000
"""Events of one answer."""

MAX_BYTES: Final = 16 << 20
"""Bytes of events of one answer; it may be longer by one event."""

_PROGRESS_SECONDS: Final = 0.2
_ROUNDED_SECONDS: Final = 0.001
"""How much moments may lose as numbers."""

Partial: TypeAlias = Literal["deadline", "removed"]
"""Why an answer is not all that there is."""


class Batch(Protocol):
    """What was committed together."""

    @property
    def lsn(self) -> int:
        """Number of the commit."""

    @property
    def received(self) -> float:
        """When it was made, in seconds since the epoch."""

    @property
    def lines(self) -> bytes:
        """NDJSON."""

    def intact(self) -> bool:
        """Whether it is as it was written."""


class Segment(Protocol):
    """A part of the journal; its methods raise `FileNotFoundError` where it was removed meanwhile."""

    @property
    def first_lsn(self) -> int:
        """Number of its first commit."""

    def began(self) -> float | None:
        """When that was made, if it is known."""

    def batches(self, before_lsn: int) -> Iterator[Batch]:
        """Its batches before a commit, newest first."""


Span: TypeAlias = tuple[float, float]
"""The first and the last moment of events, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a scan may look at: events from `since` on, before `until`, stored before the place `before`."""

    since: datetime | None = None
    until: datetime | None = None
    before: Place | None = None
    limit: int = MAX_EVENTS
    max_bytes: int | None = MAX_BYTES
    deadline: float = float("inf")
    """By the monotonic clock, which is the same for all processes of a machine."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event that is accepted."""

    place: Place
    line: bytes


@dataclass(frozen=True, slots=True)
class Looked:
    """How much was looked at until now."""

    events: int
    bytes: int
    oldest: float | None
    """When the oldest of it was received, in seconds since the epoch."""
    share: float
    """Of all that may have to be looked at, from 0 to 1."""
    next: Place | None
    """Before which place the scan goes on, or would have to; None where it is at its end."""
    partial: Partial | None = None


class Scan:
    """Iterates over what is `Found`, newest first, and, five times a second, what was `Looked` at.

    One batch is looked at however late it is, so that who goes on gets on. The last is what was looked at in
    the end: its `next` is None where the whole range was, and else the place before which another scan goes
    on.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        query: Query,
        bounds: Bounds,
        *,
        span: Callable[[int], Span | None] = lambda _: None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look through `segments`, newest first; `span` tells of a segment when its events were, if known."""
        self._segments = segments
        self._query = query
        self._bounds = bounds
        self._span = span
        self._ticks = ticks
        self._events = self._bytes = self._found = self._found_bytes = 0
        self._oldest: float | None = None
        self._next: Place | None = bounds.before or _BEHIND_ALL
        self._removed = False

    def __iter__(self) -> Iterator[Found | Looked]:
        told = self._ticks()
        for share, segment in self._within():
            if self._events and self._is_late():
                yield self._looked(share, "deadline")
                return
            try:
                for batch in self._batches(segment):
                    yield from self._matches(batch)
                    if self._is_full():
                        yield self._looked(share, "removed" if self._removed else None)
                        return
                    if self._is_late():
                        yield self._looked(share, "deadline")
                        return
                    if self._ticks() - told >= _PROGRESS_SECONDS:
                        told = self._ticks()
                        yield self._looked(share, None)
            except FileNotFoundError:
                self._removed = True
        self._next = None
        yield self._looked(1.0, "removed" if self._removed else None)

    def _within(self) -> Iterator[tuple[float, Segment]]:
        """The segments that can hold events of the range, and the share of all that lies before each."""
        before, since = self._bounds.before, _seconds(self._bounds.since)
        until = _seconds(self._bounds.until)
        newest = float("inf")
        """No event of the segment, or of an older one, was received later."""
        for number, segment in enumerate(self._segments):
            if before is not None and segment.first_lsn > before.lsn:
                continue
            span = self._span(segment.first_lsn)
            if span is not None:
                is_within = (since is None or span[1] + _ROUNDED_SECONDS >= since) and (
                    until is None or span[0] - _ROUNDED_SECONDS < until
                )
            else:
                is_within = since is None or newest + CLOCK_AHEAD_SECONDS >= since
            if is_within:
                yield number / len(self._segments), segment
            if since is not None:
                newest = self._began(segment) or newest

    def _began(self, segment: Segment) -> float | None:
        try:
            return segment.began()
        except FileNotFoundError:
            return None

    def _batches(self, segment: Segment) -> Iterator[Batch]:
        before, since = self._bounds.before, _seconds(self._bounds.since)
        known = self._span(segment.first_lsn) is not None
        for batch in segment.batches(_BEHIND_ALL.lsn if before is None else before.lsn + (before.index > 0)):
            if not known and since is not None and batch.received + CLOCK_AHEAD_SECONDS < since:
                return
            yield batch

    def _matches(self, batch: Batch) -> Iterator[Found]:
        found = [match for match in self._query.matches(batch.lines) if self._is_asked_for(match, batch.lsn)]
        if found and not batch.intact():
            found = []
        for match in reversed(found):
            self._found += 1
            self._found_bytes += len(match.line)
            self._next = Place(batch.lsn, match.index)
            yield Found(self._next, match.line)
            if self._is_full():
                break
        else:
            self._next = Place(batch.lsn, 0)
        self._bytes += len(batch.lines)
        self._events += batch.lines.count(b"\n")
        self._oldest = batch.received if self._oldest is None else min(self._oldest, batch.received)

    def _is_asked_for(self, match: Match, lsn: int) -> bool:
        bounds = self._bounds
        return (
            (bounds.since is None or match.at >= bounds.since)
            and (bounds.until is None or match.at < bounds.until)
            and (bounds.before is None or Place(lsn, match.index) < bounds.before)
        )

    def _is_full(self) -> bool:
        bounds = self._bounds
        has_enough = bounds.max_bytes is not None and self._found_bytes >= bounds.max_bytes
        return has_enough or self._found >= bounds.limit

    def _is_late(self) -> bool:
        return self._ticks() >= self._bounds.deadline

    def _looked(self, share: float, partial: Partial | None) -> Looked:
        return Looked(self._events, self._bytes, self._oldest, share, self._next, partial)


_BEHIND_ALL: Final = Place.newest()


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.astimezone(UTC).timestamp()
