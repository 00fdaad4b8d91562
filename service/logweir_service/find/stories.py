"""Look-up by correlation id: the index for the active segment, a scan for the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from logweir_service.event import StoredBatch, StoredEvent

from .index import ActiveIndex


class Reader(Protocol):
    """What a look-up needs of the journal."""

    def batches_between(self, segment_first_lsn: int, start: int, end: int | None) -> Iterator[StoredBatch]:
        """The batches of a segment whose commit lines begin from `start` on and before `end`."""

    def containing(self, needle: bytes, *, before_lsn: int | None = None) -> Iterator[StoredEvent]:
        """Events whose line contains the needle, of segments that begin before a commit."""


class _Key(msgspec.Struct):
    timestamp: datetime
    correlation_id: str | None = None


_key = msgspec.json.Decoder(_Key)


class Stories:
    """Finds the stored events of a correlation id, in the order of their timestamps, from any thread."""

    def __init__(self, reader: Reader, index: ActiveIndex | None = None) -> None:
        self._reader = reader
        self._index = index

    def __call__(self, correlation_id: str) -> list[StoredEvent]:
        """Everything stored under exactly this id."""
        needle = msgspec.json.encode(correlation_id)
        found = []
        for event in self._candidates(correlation_id, needle):
            key = _key.decode(event.line)
            if key.correlation_id == correlation_id:
                found.append((key.timestamp, event.lsn, event.index, event))
        found.sort(key=lambda each: each[:3])
        return [event for *_, event in found]

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
