"""Reading the journal without owning it: by cursor, by place, by the bytes that a line contains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from uuid import UUID

from logweir_service.event import StoredBatch, StoredEvent

from .segment import Located, Segment, SegmentReader, segments

_CHUNK_BYTES = 1 << 20
"""How much a scan looks at in one go: about a millisecond, so that other threads are not held up."""


class JournalReader:
    """Reads committed batches while another process or thread writes; takes no lock.

    A batch that is being written reads as the end of the journal. Who knows which commit is the last durable
    one hands in `durable`; events of later ones are not shown.
    """

    def __init__(self, folder: Path, identifier: UUID, *, durable: Callable[[], int] | None = None) -> None:
        self.folder = self._folder = folder
        self.identifier = identifier
        self._durable = durable or (lambda: sys.maxsize)

    def segments(self) -> list[Segment]:
        """All segments, oldest first."""
        return segments(self._folder)

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The batches behind commit `after_lsn`, in order, up to the last whole one."""
        known = segments(self._folder)
        for segment, following in zip_longest(known, known[1:]):
            if following is not None and following.first_lsn <= after_lsn + 1:
                continue
            for located in _left(segment):
                if located.commit.lsn > after_lsn:
                    yield _stored(located)

    def batches_from(self, segment_first_lsn: int, offset: int) -> Iterator[StoredBatch]:
        """The batches of one segment from the commit line at `offset` on, and those of all later segments."""
        for segment in segments(self._folder):
            if segment.first_lsn >= segment_first_lsn:
                start = offset if segment.first_lsn == segment_first_lsn else 0
                for located in _left(segment, offset=start):
                    yield _stored(located)

    def batches_between(self, segment_first_lsn: int, start: int, end: int | None) -> Iterator[StoredBatch]:
        """The batches of a segment whose commit lines begin from `start` on and before `end`, if any."""
        segment = Segment.found(self._folder, segment_first_lsn)
        last = self._durable()
        try:
            for located in SegmentReader(segment, offset=start, passing_over=True):
                if (end is not None and located.offset >= end) or located.commit.lsn > last:
                    return
                yield _stored(located)
        except FileNotFoundError:
            return  # removed by retention between the look-up and now

    def containing(self, needle: bytes, *, before_lsn: int | None = None) -> Iterator[StoredEvent]:
        """Every event whose line contains `needle`, of the segments that begin before `before_lsn`."""
        for segment in segments(self._folder):
            if before_lsn is None or segment.first_lsn < before_lsn:
                try:
                    yield from _scan(segment, (needle,))
                except FileNotFoundError:
                    continue  # removed by retention while the scan was on its way

    def scan(self, segment_first_lsn: int, needles: Sequence[bytes]) -> Iterator[StoredEvent]:
        """Every event of a sealed segment whose line contains one of the needles.

        Raises:
            FileNotFoundError: the segment was removed.
        """
        yield from _scan(Segment.found(self._folder, segment_first_lsn), needles)


def _left(segment: Segment, *, offset: int = 0) -> Iterator[Located]:
    """The batches of a segment; none where retention has removed it between the listing and now."""
    try:
        yield from SegmentReader(segment, offset=offset, passing_over=True)
    except FileNotFoundError:
        return


def _stored(located: Located) -> StoredBatch:
    return StoredBatch(located.commit.lsn, located.commit.received, located.lines)


def _scan(segment: Segment, needles: Sequence[bytes]) -> Iterator[StoredEvent]:
    """Look for the needles in chunks, and read batch by batch only where there is a hit."""
    if not _occurs(segment, needles):
        return
    for located in SegmentReader(segment, passing_over=True):
        if any(needle in located.lines for needle in needles):
            for event in _stored(located).events():
                if any(needle in event.line for needle in needles):
                    yield event


def _occurs(segment: Segment, needles: Sequence[bytes]) -> bool:
    tail, overlap = b"", max(map(len, needles)) - 1
    with segment.open() as file:
        while chunk := file.read(_CHUNK_BYTES):
            text = tail + chunk
            if any(needle in text for needle in needles):
                return True
            tail = text[-overlap:] if overlap else b""
    return False
