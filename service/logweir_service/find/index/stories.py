"""Look-up by an id: by sidecar and map where there is one, by a scan where there is none."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from logweir_service.event import StoredBatch, StoredEvent

from .active import ActiveIndex, Stretch
from .asked import MAX_PAGE_BYTES, Asked, Page, Partial, StoryPlace
from .catalogue import Catalogue
from .entry import Entry, SegmentFile, candidates
from .epoch import microseconds
from .ids import has_id, needles, read_ids
from .sidecar import Sidecar

_BUFFER_BYTES: Final = 16 << 10

_MANY_EVENTS: Final = 2_000
_MUCH_BYTES: Final = 16 << 20
"""To read more than this would hold up ingest."""


_ATTEMPTS: Final = 3
"""To read a segment that is written anew each time."""


class Reader(Protocol):
    """What a look-up needs of the journal."""

    identifier: UUID
    folder: Path

    def segments(self) -> Sequence[SegmentFile]:
        """All segments, oldest first."""

    def batches_between(self, segment_first_lsn: int, start: int, end: int | None) -> Iterator[StoredBatch]:
        """The batches of a segment whose commit lines begin from `start` on and before `end`."""

    def scan(self, segment_first_lsn: int, needles: Sequence[bytes]) -> Iterator[StoredEvent]:
        """The events of a segment whose lines contain one of the needles."""


@dataclass(frozen=True, slots=True)
class Part:
    """How one segment is searched: at postings of its sidecar, in stretches, or, without either, whole."""

    entry: Entry
    sidecar: Sidecar | None = None
    postings: Sequence[int] = ()
    stretches: Sequence[Stretch] | None = None

    @property
    def scanned_bytes(self) -> int:
        """How much is read to find what is read."""
        return self.entry.text_bytes if self.sidecar is None and self.stretches is None else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question will be answered."""

    asked: Asked
    parts: tuple[Part, ...]

    @property
    def is_heavy(self) -> bool:
        """Whether it reads so much that ingest would feel it."""
        events = sum(len(part.postings) for part in self.parts)
        return events > _MANY_EVENTS or sum(part.scanned_bytes for part in self.parts) > _MUCH_BYTES


class Stories:
    """Finds the stored events of an id, in the order of their timestamps, from any thread.

    A segment that is written anew while it is read is read again; what was removed meanwhile is told.
    """

    def __init__(
        self, reader: Reader, index: ActiveIndex | None = None, *, catalogue: Catalogue | None = None
    ) -> None:
        self._reader = reader
        self._index = index
        self._catalogue = catalogue or Catalogue(reader.identifier, reader.folder, reader.segments)

    def __call__(self, correlation_id: str, *, limit: int | None = None) -> list[StoredEvent]:
        """Everything stored under exactly this id, or the `limit` events of it that happened first."""
        return [*self.read(self.plan(Asked(correlation_id, limit=limit))).events]

    def stored(self, correlation_id: str) -> Iterator[StoredEvent]:
        """Everything stored under exactly this id in the journal's order, read as it is asked for."""
        asked = Asked(correlation_id, limit=None)
        for entry in self._catalogue.entries():
            part = self._part(asked, entry)
            if part is not None:
                seen: set[StoryPlace] = set()
                for place, event in self._matches(asked, part, lambda: None):
                    if place not in seen:
                        seen.add(place)
                        yield event

    def plan(self, asked: Asked) -> Plan:
        """Look the id up, and read nothing yet."""
        parts = (self._part(asked, entry) for entry in self._catalogue.entries())
        return Plan(asked, tuple(part for part in parts if part is not None))

    def read(self, plan: Plan, *, is_late: Callable[[], bool] = lambda: False) -> Page:
        """The first events that are asked for; where time runs out, those found until then."""
        asked, found = plan.asked, _Earliest(plan.asked.limit)
        partial: Partial | None = None

        def removed() -> None:
            nonlocal partial
            partial = "removed"

        for part in sorted(plan.parts, key=lambda part: part.entry.oldest or -(1 << 63)):
            oldest = part.entry.oldest
            if oldest is not None and found.is_full_before(oldest):
                break
            for place, event in self._matches(asked, part, removed):
                found.add(place, event)
                if is_late():
                    return found.page("deadline")
            if is_late():
                return found.page("deadline")
        return found.page(partial)

    def _part(self, asked: Asked, entry: Entry) -> Part | None:
        """How to search a segment; None where it holds nothing that is asked for."""
        header = entry.header
        if header is not None and not asked.may_cover(header.oldest, header.newest):
            return None
        if (sidecar := entry.sidecar()) is not None:
            postings = candidates(sidecar, asked.kind, asked.value)
            return Part(entry, sidecar, postings) if len(postings) else None
        if self._index is not None and asked.kind == "correlation_id" and entry.generation == 0:
            stretches = self._index.look_up(entry.first_lsn, asked.value)
            if stretches is not None:
                return Part(entry, stretches=stretches) if stretches else None
        return Part(entry)

    def _matches(
        self, asked: Asked, part: Part, removed: Callable[[], None]
    ) -> Iterator[tuple[StoryPlace, StoredEvent]]:
        """What is asked for of a segment; some of it twice where the segment was changed meanwhile."""
        looked_for: Part | None = part
        for _ in range(_ATTEMPTS):
            if looked_for is None:
                return
            gone = False
            try:
                for event in self._events(asked, looked_for):
                    ids = read_ids(event.line, event.received)
                    if has_id(ids, asked.kind, asked.value):
                        place = StoryPlace(microseconds(ids.timestamp), event.lsn, event.index)
                        if asked.covers(place):
                            yield place, event
            except FileNotFoundError:
                gone = True
            if not gone and looked_for.entry.is_unchanged():
                return
            entry = self._catalogue.find(part.entry.first_lsn)
            if entry is None:
                break
            looked_for = self._part(asked, entry)
        removed()

    def _events(self, asked: Asked, part: Part) -> Iterator[StoredEvent]:
        """The candidates of a segment.

        Raises:
            FileNotFoundError: it is gone.
        """
        entry = part.entry
        if part.sidecar is not None:
            with entry.segment.open(buffer_bytes=_BUFFER_BYTES) as file:
                yield from part.sidecar.read(file, part.postings)
            return
        wanted = needles(asked.value)
        if part.stretches is None and not entry.is_newest:
            yield from self._reader.scan(entry.first_lsn, wanted)
            return
        for stretch in part.stretches or (Stretch(0, None),):
            for batch in self._reader.batches_between(entry.first_lsn, stretch.start, stretch.end):
                if any(needle in batch.lines for needle in wanted):
                    yield from (
                        event for event in batch.events() if any(needle in event.line for needle in wanted)
                    )


class _Earliest:
    """The events that happened first among those that were added, so many of them and one more."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._found: dict[StoryPlace, StoredEvent] = {}
        self._last: StoryPlace | None = None
        """Of those that will be shown, and one more, the last, where there are so many."""

    def add(self, place: StoryPlace, event: StoredEvent) -> None:
        """Take in an event, once."""
        if self._last is None or place < self._last:
            self._found[place] = event
            if self._limit is not None and len(self._found) > 2 * self._limit + 1:
                self._prune(self._limit)

    def is_full_before(self, oldest: int) -> bool:
        """Whether nothing that happened from then on would be shown."""
        if self._limit is not None and len(self._found) > self._limit:
            self._prune(self._limit)
        return self._last is not None and self._last.at < oldest

    def page(self, partial: Partial | None) -> Page:
        """What there is."""
        places = sorted(self._found)
        shown = places[: self._fitting(places)]
        more = shown[-1] if len(shown) < len(places) and partial != "deadline" else None
        return Page(tuple(self._found[place] for place in shown), more, partial)

    def _fitting(self, places: Sequence[StoryPlace]) -> int | None:
        """How many of these make a page; None where all do."""
        if self._limit is None:
            return None
        size = 0
        for count, place in enumerate(places[: self._limit], 1):
            size += len(self._found[place].line)
            if size >= MAX_PAGE_BYTES:
                return count
        return self._limit

    def _prune(self, limit: int) -> None:
        places = heapq.nsmallest(limit + 1, self._found)
        self._last = places[-1]
        self._found = {place: self._found[place] for place in places}
