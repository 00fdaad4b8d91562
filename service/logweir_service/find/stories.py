"""Look-up by correlation id: the index for the active segment, a scan for the others."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, Protocol

import msgspec

from logweir_service.event import StoredBatch, StoredEvent
from logweir_service.lenient import read_moment, read_object

from .index import ActiveIndex


class Reader(Protocol):
    """What a look-up needs of the journal."""

    def batches_between(self, segment_first_lsn: int, start: int, end: int | None) -> Iterator[StoredBatch]:
        """The batches of a segment whose commit lines begin from `start` on and before `end`."""

    def containing(self, needle: bytes, *, before_lsn: int | None = None) -> Iterator[StoredEvent]:
        """Events whose line contains the needle, of segments that begin before a commit."""


class _Key(msgspec.Struct):
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    correlation_id: str | None = None


_key = msgspec.json.Decoder(_Key)


class _Found(NamedTuple):
    """An event of a story, and what puts it in order: its own clock, then its place in the journal."""

    order: tuple[datetime, int, int]
    event: StoredEvent


class Stories:
    """Finds the stored events of a correlation id, in the order of their timestamps, from any thread."""

    def __init__(self, reader: Reader, index: ActiveIndex | None = None) -> None:
        self._reader = reader
        self._index = index

    def __call__(self, correlation_id: str, *, limit: int | None = None) -> list[StoredEvent]:
        """Everything stored under exactly this id, or the `limit` events of it that happened first."""
        found = self._found(correlation_id)
        return [each.event for each in (sorted(found) if limit is None else heapq.nsmallest(limit, found))]

    def stored(self, correlation_id: str) -> Iterator[StoredEvent]:
        """Everything stored under exactly this id in the journal's order, read as it is asked for."""
        return (each.event for each in self._found(correlation_id))

    def _found(self, correlation_id: str) -> Iterator[_Found]:
        for event in self._candidates(correlation_id, msgspec.json.encode(correlation_id)):
            found_by, at = _read(event)
            if found_by == correlation_id:
                yield _Found((at, event.lsn, event.index), event)

    def _candidates(self, correlation_id: str, needle: bytes) -> Iterator[StoredEvent]:
        if self._index is None:
            yield from self._reader.containing(needle)
            return
        segment_first_lsn, stretches = self._index.look_up(correlation_id)
        yield from self._reader.containing(needle, before_lsn=segment_first_lsn)
        for stretch in stretches:
            for batch in self._reader.batches_between(segment_first_lsn, stretch.start, stretch.end):
                if needle in batch.lines:
                    yield from (event for event in batch.events() if needle in event.line)


def _read(event: StoredEvent) -> tuple[object, datetime]:
    """The id that an event is found by and when it happened, whatever else its line holds."""
    try:
        key = _key.decode(event.line)
    except ValueError:  # as msgspec's faults are; a member may be odd and a later one of its name not
        return _read_leniently(event)
    return key.correlation_id, key.timestamp


def _read_leniently(event: StoredEvent) -> tuple[object, datetime]:
    received = datetime.fromtimestamp(event.received, UTC)
    try:
        members = read_object(event.line)
    except ValueError:
        return None, received
    return members.get("correlation_id"), read_moment(members.get("timestamp")) or received
