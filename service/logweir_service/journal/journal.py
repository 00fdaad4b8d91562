"""The journal's only writer: groups of batches become durable together, or not at all."""

from __future__ import annotations

import errno
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from logweir_service.errors import Refusal
from logweir_service.event import StoredBatch

from .active import ActiveSegment
from .event_ids import EventId
from .folder import DataFolder
from .format import Commit, StreamPosition
from .known import Known, KnownState
from .reader import JournalReader
from .segment import Located, Segment, leftovers, segments
from .streams import Mark, known_of
from .tail import Position, Tail

MAX_SEGMENT_BYTES = 64 << 20

RESTORED_GAP = 1_000_000
"""Numbers of commits passed over where the end of a journal is gone: they may have been given to events of
which Sentry knows the ids."""

Apply = Callable[[Located, int], Iterable[EventId] | None]
"""Takes a batch that is read again, and the first commit of its segment; gives the ids of its events."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opening a journal found behind the position it began at."""

    batches: int
    events: int
    torn_tail_bytes: int
    damaged: tuple[str, ...]
    """One line for each segment that was damaged."""
    missing: tuple[str, ...]
    """One line for each gap: durable batches that are not there any more."""
    lost_end: bool = False
    """The journal ended before what is known of it, and so its next number is far behind that."""


@dataclass(slots=True)
class Group:
    """Batches that are committed together; nothing of it is real before `Journal.write` has returned."""

    received: float
    """When the group was made, in seconds since the epoch."""
    first_lsn: int
    commits: list[Commit] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=list)
    """Commit line, lines, commit line, lines, ..."""
    marks: dict[str, Mark] = field(default_factory=dict)
    """Where the streams of the group stand once it is durable."""
    event_ids: dict[EventId, None] = field(default_factory=dict)
    """Ids of its events, in order."""
    segment_first_lsn: int = 0
    offset: int = 0
    """Where the group was written."""

    def places(self) -> list[int]:
        """The offset of each commit line in the group's segment."""
        found, offset = [], self.offset
        for commit_line, lines in zip(self.buffers[::2], self.buffers[1::2], strict=True):
            found.append(offset)
            offset += len(commit_line) + len(lines)
        return found


class Journal:
    """Appends groups to the active segment of a claimed folder.

    Use: `recover`, and then for each group `begin`, `known_of` and `append` for each batch, `write` (which
    blocks; any thread), `settle`. One group at a time.
    """

    def __init__(self, folder: DataFolder, *, max_segment_bytes: int = MAX_SEGMENT_BYTES) -> None:
        self.folder = folder
        self._max_segment_bytes = max_segment_bytes
        self.identifier: UUID = folder.claim()
        self.reader = JournalReader(folder.journal, self.identifier, durable=lambda: self.last_lsn)
        self.last_lsn = 0
        self.known = Known()
        self._open: ActiveSegment | None = None

    def recover(
        self,
        apply: Apply,
        *,
        position: Position | None = None,
        known: KnownState | None = None,
        known_lsn: int = 0,
    ) -> Recovery:
        """Hand every batch behind `position` to `apply`; there the senders stood as `known` says.

        Commit `known_lsn` is known to have been durable.

        Raises:
            UnknownFormat: a segment was written by another version.
            OSError: what a crash or the disk has left cannot be mended.
        """
        if known is not None:
            self.known.restore(known)
        for path in leftovers(self.folder.journal, sidecars=self.folder.index):
            self.folder.disk.unlink(path)
        tail = Tail(self.folder, self.identifier, position, known_lsn=known_lsn)
        batches = events = 0
        places, reading = array("Q"), Segment(self.folder.journal, 0)
        for segment, located in tail:
            if segment.first_lsn != reading.first_lsn:
                places, reading = array("Q"), segment
            places.append(located.offset)
            if batches and not located.commit.group:
                self.known.expire()  # behind each group, as when it was written
            self.known.take(located.commit, apply(located, segment.first_lsn) or ())
            batches += 1
            events += located.commit.count
        self.known.expire()
        self.last_lsn = tail.last_lsn + (RESTORED_GAP if tail.lost_end else 0)
        self._open = self._continue(tail.active)
        if self._active.first_lsn == reading.first_lsn:
            self._active.places, self._active.places_lsn = places, self.last_lsn + 1 - len(places)
        else:
            self._active.places_lsn = self.last_lsn + 1
        return Recovery(
            batches,
            events,
            tail.torn_tail_bytes,
            damaged=tuple(tail.damaged),
            missing=tuple(tail.missing),
            lost_end=tail.lost_end,
        )

    @property
    def position(self) -> Position:
        """Where the next group will stand."""
        return Position(self.last_lsn, self._active.first_lsn, self._active.size)

    def place_of_last(self) -> tuple[int, int, int] | None:
        """The active segment's first commit, the last durable one, and where that begins, if it is in it."""
        last_lsn, active = self.last_lsn, self._active
        offset = active.offset_of(last_lsn)
        return None if offset is None else (active.first_lsn, last_lsn, offset)

    def begin(self, received: float) -> Group:
        """Start a group."""
        return Group(received=received, first_lsn=self.last_lsn + 1)

    def known_of(self, group: Group, stream: str, *, seq: int, span: int, body_crc32: int) -> int:
        """How many of a body's numbers, from the first on, the journal or the group has already.

        Raises:
            StreamConflict: the stream's identity was cloned.
        """
        return known_of(self._mark(group, stream), seq=seq, span=span, body_crc32=body_crc32)

    def repeated(self, group: Group, ids: Sequence[EventId]) -> list[int]:
        """Which of these ids, by their place, belong to events that the journal or the group has already."""
        found, here = [], set[EventId]()
        for index, each in enumerate(ids):
            if each in here or each in group.event_ids or each in self.known.event_ids:
                found.append(index)
            here.add(each)
        return found

    def closed(self, group: Group, stream: str) -> bool:
        """Whether the stream's end is known."""
        mark = self._mark(group, stream)
        return mark is not None and mark.closed

    def next_seq(self, group: Group, stream: str) -> int:
        """The number that a stream goes on with."""
        mark = self._mark(group, stream)
        return mark.next_seq if mark else 1

    def left_out(self, group: Group, position: StreamPosition) -> int:
        """How many numbers a known stream leaves out in front of this position."""
        mark = self._mark(group, position.stream)
        return max(position.seq - mark.next_seq, 0) if mark else 0

    def service_of(self, group: Group, stream: str) -> str:
        """Who sends a stream; empty where that is not known."""
        mark = self._mark(group, stream)
        return mark.service if mark else ""

    def append(
        self,
        group: Group,
        lines: bytes,
        *,
        count: int,
        lines_crc32: int,
        position: StreamPosition | None = None,
        service: str = "",
        lost: int = 0,
        event_ids: Iterable[EventId] = (),
    ) -> Commit:
        """Put a batch of `count` lines into the group."""
        lsn = group.first_lsn + len(group.commits)
        first = group.first_lsn if group.commits else 0
        commit = Commit(lsn, group.received, count, len(lines), position, first, service, lost)
        group.commits.append(commit)
        group.buffers += (commit.encode(lines_crc32=lines_crc32), lines)
        if position is not None:
            group.marks[position.stream] = Mark.of(position, service=service, seen=self.known.now)
        group.event_ids.update(dict.fromkeys(event_ids))
        return commit

    def write(self, group: Group) -> None:
        """Make the group durable: one write, one fdatasync.

        Raises:
            Refusal: 503, nothing of the group was stored, and the journal is as it was.
            StorageBroken: it is unknown what is durable, or the journal is gone; the process must stop.
        """
        try:
            if self._active.size >= self._max_segment_bytes:
                self._roll(group.first_lsn)
            group.segment_first_lsn, group.offset = self._active.first_lsn, self._active.size
            self._active.write(group.buffers)
        except OSError as error:
            self.require_there()
            raise _refusal(error) from error

    def require_there(self) -> None:
        """See to it that what is written goes to where it can be found again.

        Raises:
            StorageBroken: the folder, or the segment that is written to, is gone.
            OSError: that cannot be told.
        """
        self._active.require_there()

    def settle(self, group: Group) -> None:
        """Take note of a group that is durable."""
        for commit in group.commits:
            self.known.take(commit)
        self.known.event_ids.add(group.event_ids, self.known.now)
        self.known.expire()
        self._active.places.extend(group.places())
        self.last_lsn = group.commits[-1].lsn

    def leave_gap(self, commits: int) -> None:
        """Pass over so many numbers of commits, so that none of them is ever given twice.

        Raises:
            OSError: no new segment can be made.
        """
        self._roll(self.last_lsn + 1 + commits)
        self.last_lsn += commits

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The durable batches behind commit `after_lsn`, in order; any thread may ask."""
        last_lsn, active = self.last_lsn, self._active
        if after_lsn >= last_lsn:
            return
        offset = active.offset_of(after_lsn + 1)
        found = (
            self.reader.batches(after_lsn)
            if offset is None
            else self.reader.batches_from(active.first_lsn, offset)
        )
        for batch in found:
            if batch.lsn > last_lsn:
                return
            yield batch

    def close(self, *, in_order: bool = True) -> None:
        """Close the active segment and release the folder; if not `in_order`, the next start tells of it."""
        if self._open is not None:
            self._open.close()
        self.folder.release(in_order=in_order)

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(map(_size, segments(self.folder.journal)))

    @property
    def _active(self) -> ActiveSegment:
        assert self._open is not None, "recover comes first"
        return self._open

    def _mark(self, group: Group, stream: str) -> Mark | None:
        return group.marks.get(stream) or self.known.marks.get(stream)

    def _continue(self, last: Segment | None) -> ActiveSegment:
        if last is None or last.path.stat().st_size == 0:
            return self._create(self.last_lsn + 1)
        return ActiveSegment.open(self.folder.disk, last)

    def _create(self, first_lsn: int) -> ActiveSegment:
        return ActiveSegment.create(
            self.folder.disk, self.folder.journal, journal=self.identifier, first_lsn=first_lsn
        )

    def _roll(self, first_lsn: int) -> None:
        sealed = self._active
        self._open = self._create(first_lsn)
        sealed.seal()


def _size(segment: Segment) -> int:
    try:
        return segment.path.stat().st_size
    except FileNotFoundError:
        return 0  # removed by retention meanwhile


def _refusal(error: OSError) -> Refusal:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(503, "disk_full", "the disk is full; nothing was stored", retry_after_seconds=30)
    return Refusal(
        503, "storage_error", f"the disk refused: {error.strerror}; nothing was stored", retry_after_seconds=5
    )
