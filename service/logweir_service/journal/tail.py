"""Reading the journal at the start: from a position on, mending what a crash or the disk has left."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple
from uuid import UUID

from logweir_service.errors import UnknownFormat

from .folder import DataFolder
from .format import MAX_LINE_BYTES, decode_commit
from .salvage import copy_whole, set_aside
from .segment import Located, Segment, SegmentReader, segments

_log = logging.getLogger("logweir_service.journal")


class Position(NamedTuple):
    """A place between two commits."""

    last_lsn: int
    """The commit before it."""
    segment_first_lsn: int
    offset: int
    """Where that commit ends in its segment."""


class Tail:
    """Iterates over the batches behind a position, oldest first; without one over all there are.

    `known_lsn` is the newest commit that was durable for certain: what ends before it lost its end.
    In the last segment a batch that is not whole, with none of another group behind it, is torn: it was never
    acknowledged and is cut off. Elsewhere it is damage: the segment is set aside. What that leaves out shows
    as a gap in the numbers of the commits.

    Afterwards `last_lsn` is the newest commit there ever was as far as can be known, and `active` the segment
    to go on with, or None where a new one is needed. One that was disowned, because its sync has failed,
    is copied for that.
    """

    def __init__(
        self, folder: DataFolder, journal: UUID, position: Position | None, *, known_lsn: int = 0
    ) -> None:
        self.last_lsn = position.last_lsn if position else 0
        self.torn_tail_bytes = 0
        self.damaged: list[str] = []
        """One line for each segment set aside."""
        self.missing: list[str] = []
        """One line for each gap behind the position, and for each segment of which events were removed."""
        self.lost_end = False
        """The journal ends before what is known of it: nobody knows what stood behind that."""
        self.active: Segment | None = None
        self._folder = folder
        self._journal = journal
        self._position = position
        self._known_lsn = max(known_lsn, self.last_lsn)
        self._told_incomplete: Segment | None = None

    def __iter__(self) -> Iterator[tuple[Segment, Located]]:
        known = segments(self._folder.journal)
        for segment, following in zip_longest(known, known[1:]):
            if following is None or following.first_lsn > self.last_lsn + 1:
                self._expect(segment.first_lsn, segment)
                yield from self._read(segment, is_last=following is None)
        self.lost_end = self._ends_early(known[-1] if known else None)
        if known and not self.lost_end and not known[-1].is_packed:
            self.active = known[-1]
            if self.active.disowned:
                copy_whole(self._folder.disk, self.active, self._journal)

    def _expect(self, lsn: int, segment: Segment) -> None:
        """Note it where the next commit is not the one that follows."""
        if lsn > self.last_lsn + 1:
            self.missing.append(f"commits {self.last_lsn + 1} to {lsn - 1} are missing before {segment.path}")
            self.last_lsn = lsn - 1

    def _expect_all(self, located: Located, segment: Segment) -> None:
        """Note it where events were removed, though no checkpoint tells what they had counted."""
        if not located.is_complete and segment is not self._told_incomplete:
            self._told_incomplete = segment
            self.missing.append(f"events are missing from {segment.path}, where they were removed")

    def _read(self, segment: Segment, *, is_last: bool) -> Iterator[tuple[Segment, Located]]:
        offset = start_in(segment, self._position)
        after_lsn = self.last_lsn if offset else segment.first_lsn - 1
        while True:
            reader = SegmentReader(segment, offset=offset, after_lsn=after_lsn)
            for located in reader:
                after_lsn = located.commit.lsn
                if after_lsn > self.last_lsn:
                    self._expect(after_lsn, segment)
                    self.last_lsn = after_lsn
                    self._expect_all(located, segment)
                    yield segment, located
            self._check_owner(reader)
            if reader.damage is None:
                return
            may_be_torn = is_last and not segment.is_packed
            if may_be_torn and is_torn(reader, last_lsn=after_lsn, known_lsn=self._known_lsn):
                self._cut(segment, reader.end)
                return
            self.damaged.append(set_aside(self._folder.disk, segment, self._journal))
            _log.error("%s", self.damaged[-1])  # now: a kill before the start's end would leave it untold
            offset, after_lsn = 0, segment.first_lsn - 1  # nothing stands where it stood

    def _check_owner(self, reader: SegmentReader) -> None:
        if reader.journal not in (None, self._journal):
            raise UnknownFormat(
                f"{reader.segment.path} belongs to another journal than {self._folder.path / 'format.json'}: "
                "restore both from one backup"
            )

    def _cut(self, segment: Segment, end: int) -> None:
        """Remove a torn batch from the journal's end; a disowned segment's is left out when it is copied."""
        if segment.disowned:
            self.torn_tail_bytes = segment.path.stat().st_size - end
            return
        file = self._folder.disk.open(segment.path, os.O_WRONLY)
        try:
            self.torn_tail_bytes = os.fstat(file).st_size - end
            self._folder.disk.truncate(file, end)
            self._folder.disk.fsync(file)
        finally:
            self._folder.disk.close(file)

    def _ends_early(self, last: Segment | None) -> bool:
        """Note it where the journal lost an end of which a checkpoint still knows."""
        if self.last_lsn >= self._known_lsn and not self._ends_before_position(last):
            return False
        end = last.path if last else self._folder.journal
        self.missing.append(f"{end} ends before commit {self._known_lsn}, which a checkpoint knows")
        self.last_lsn = self._known_lsn
        return True

    def _ends_before_position(self, last: Segment | None) -> bool:
        at = self._position
        if at is None or self.last_lsn > at.last_lsn:
            return False
        if last is None or last.first_lsn < at.segment_first_lsn:
            return True
        return last.first_lsn == at.segment_first_lsn and last.text_size() < at.offset


def start_in(segment: Segment, position: Position | None) -> int:
    """The position's offset, where the segment has a commit or its end there; else 0."""
    if position is None or position.segment_first_lsn != segment.first_lsn:
        return 0
    with segment.open() as file:
        if file.seek(0, os.SEEK_END) == position.offset:
            return position.offset
        file.seek(position.offset)
        commit = decode_commit(file.readline(MAX_LINE_BYTES))
    return position.offset if commit is not None and commit.lsn == position.last_lsn + 1 else 0


def is_torn(reader: SegmentReader, *, last_lsn: int, known_lsn: int) -> bool:
    """Whether what stands behind commit `last_lsn` was written by one group that never became durable.

    `reader` has come to damage in the last segment; commit `known_lsn` was durable for certain.
    """
    if last_lsn < known_lsn:
        return False
    if reader.journal is None:  # the header was durable before the first batch was written
        return reader.end == 0 and reader.next_intact() is None
    further = reader.next_intact()
    return further is None or further.group_first_lsn <= last_lsn + 1
