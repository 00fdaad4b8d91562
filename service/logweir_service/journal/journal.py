"""The journal's only writer: groups of batches become durable together, or not at all."""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from logweir_service.disk import replace_durably, write_all
from logweir_service.errors import Refusal, StorageBroken, UnknownFormat
from logweir_service.event import StoredBatch

from .folder import DataFolder
from .format import Commit, StreamPosition, encode_header
from .reader import JournalReader
from .segment import Located, Segment, SegmentReader, segments
from .streams import Mark, Placement, place

MAX_SEGMENT_BYTES = 64 << 20

_FURTHER_COMMIT = b'\n{"_commit":{"lsn":'


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opening a journal found."""

    batches: int
    events: int
    torn_tail_bytes: int
    damaged: tuple[str, ...]
    """One line for each sealed segment that could not be read to its end."""


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


@dataclass(slots=True)
class _Active:
    """The segment that is written to."""

    first_lsn: int
    file: int = -1
    size: int = 0
    """Its durable bytes."""
    places: array[int] = field(default_factory=lambda: array("Q"))
    """Where each of its commits begins, so that a cursor finds its place at once."""


class Journal:
    """Appends groups to the active segment of a claimed folder.

    Use: `recover`, and then for each group `begin`, `place` and `append` for each batch, `write` (which
    blocks; any thread), `settle`. One group at a time.
    """

    def __init__(self, folder: DataFolder, *, max_segment_bytes: int = MAX_SEGMENT_BYTES) -> None:
        self._folder = folder
        self._disk = folder.disk
        self._max_segment_bytes = max_segment_bytes
        self.identifier: UUID = folder.claim()
        self.reader = JournalReader(folder.journal, self.identifier, durable=lambda: self.last_lsn)
        self.last_lsn = 0
        self._marks: dict[str, Mark] = {}
        self._active = _Active(first_lsn=0)

    def recover(self, apply: Callable[[Located, int], None]) -> Recovery:
        """Read every batch from the oldest on, hand it to `apply` with its segment, and cut a torn tail.

        Raises:
            UnknownFormat: a segment was written by another version.
        """
        found = segments(self._folder.journal)
        batches = events = torn = 0
        damaged: list[str] = []
        expected: int | None = None
        for segment in found:
            if expected not in (None, segment.first_lsn):
                damaged.append(
                    f"{segment.path} does not follow on commit {self.last_lsn}: a segment is missing"
                )
            self.last_lsn = max(self.last_lsn, segment.first_lsn - 1)
            reader = SegmentReader(segment)
            for located in reader:
                self._remember(located, segment)
                apply(located, segment.first_lsn)
                batches += 1
                events += located.commit.count
            if reader.journal not in (None, self.identifier):
                raise UnknownFormat(
                    f"{segment.path} belongs to another journal than {self._folder.path / 'format.json'}: "
                    "restore both from one backup"
                )
            if reader.damage and segment is found[-1]:
                torn = self._cut(segment, reader.end, damaged)
            elif reader.damage:
                damaged.append(f"{segment.path} is damaged behind byte {reader.end}: {reader.damage}")
            expected = None if reader.damage else self.last_lsn + 1
        self._open_active(found[-1] if found else None)
        return Recovery(batches, events, torn, tuple(damaged))

    def begin(self, received: float) -> Group:
        """Start a group."""
        return Group(received=received, first_lsn=self.last_lsn + 1)

    def place(self, group: Group, stream: str, *, seq: int, span: int, body_crc32: int) -> Placement:
        """Say where a body stands in its stream, counting what the group holds already.

        Raises:
            StreamConflict: the stream's identity was cloned.
        """
        mark = group.marks.get(stream) or self._marks.get(stream)
        return place(mark, seq=seq, span=span, body_crc32=body_crc32)

    def closed(self, group: Group, stream: str) -> bool:
        """Whether the stream's end is known."""
        mark = group.marks.get(stream) or self._marks.get(stream)
        return mark is not None and mark.closed

    def next_seq(self, group: Group, stream: str) -> int:
        """The number that a stream goes on with."""
        mark = group.marks.get(stream) or self._marks.get(stream)
        return mark.next_seq if mark else 1

    def append(
        self,
        group: Group,
        lines: bytes,
        *,
        count: int,
        lines_crc32: int,
        position: StreamPosition | None = None,
    ) -> Commit:
        """Put a batch of `count` lines into the group."""
        lsn = group.first_lsn + len(group.commits)
        commit = Commit(lsn, group.received, count, len(lines), position)
        group.commits.append(commit)
        group.buffers += (commit.encode(lines_crc32=lines_crc32), lines)
        if position is not None:
            group.marks[position.stream] = Mark.of(position, group.received)
        return commit

    def write(self, group: Group) -> None:
        """Make the group durable: one write, one fdatasync.

        Raises:
            Refusal: 503, nothing of the group was stored, and the journal is as it was.
            StorageBroken: it is unknown what is durable; the process must stop and recover.
        """
        try:
            if self._active.size >= self._max_segment_bytes:
                self._roll(group.first_lsn)
            group.segment_first_lsn, group.offset = self._active.first_lsn, self._active.size
            written = write_all(self._disk, self._active.file, group.buffers)
        except OSError as error:
            self._cut_back(error)
            raise _refusal(error) from error
        try:
            self._disk.fdatasync(self._active.file)
        except OSError as error:
            raise StorageBroken(
                f"{self._folder.journal}: fdatasync failed ({error.strerror}); "
                "what reached the disk is unknown, so the service stops: check the disk, then start it again"
            ) from error
        self._active.size += written

    def settle(self, group: Group) -> None:
        """Take note of a group that is durable."""
        self._marks.update(group.marks)
        self._active.places.extend(group.places())
        self.last_lsn = group.commits[-1].lsn

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The durable batches behind commit `after_lsn`, in order; any thread may ask."""
        last_lsn, active = self.last_lsn, self._active
        if after_lsn >= last_lsn:
            return
        ordinal = after_lsn + 1 - active.first_lsn
        found = (
            self.reader.batches_from(active.first_lsn, active.places[ordinal])
            if 0 <= ordinal < len(active.places)
            else self.reader.batches(after_lsn)
        )
        for batch in found:
            if batch.lsn > last_lsn:
                return
            yield batch

    def close(self) -> None:
        """Close the active segment and release the folder."""
        if self._active.file >= 0:
            self._disk.close(self._active.file)
            self._active.file = -1
        self._folder.release()

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(segment.path.stat().st_size for segment in segments(self._folder.journal))

    @property
    def streams(self) -> int:
        """How many streams are remembered."""
        return len(self._marks)

    def _remember(self, located: Located, segment: Segment) -> None:
        commit = located.commit
        if self._active.first_lsn != segment.first_lsn:
            self._active = _Active(segment.first_lsn)
        self._active.places.append(located.offset)
        self.last_lsn = commit.lsn
        if commit.position is not None:
            self._marks[commit.position.stream] = Mark.of(commit.position, commit.received)

    def _cut(self, segment: Segment, end: int, damaged: list[str]) -> int:
        """Remove what stands behind the last whole batch, and return its size.

        A torn write was never acknowledged. Where more batches stand behind, the disk may have damaged one
        that was, so all of it is kept in a file beside the segment.
        """
        with segment.path.open("rb") as reading:
            reading.seek(end)
            tail = reading.read()
        file = self._disk.open(segment.path, os.O_WRONLY)
        try:
            if _FURTHER_COMMIT in tail[1:]:
                aside = segment.path.with_suffix(f".cut-{end}")
                replace_durably(self._disk, aside, tail)
                damaged.append(f"{segment.path} was damaged at byte {end}; what stood there is in {aside}")
            self._disk.truncate(file, end)
            self._disk.fsync(file)
        finally:
            self._disk.close(file)
        return len(tail)

    def _open_active(self, last: Segment | None) -> None:
        if last is None:
            self._create(first_lsn=1)
        elif last.path.stat().st_size == 0:
            self._create(first_lsn=last.first_lsn)
        else:
            if self._active.first_lsn != last.first_lsn:
                self._active = _Active(last.first_lsn)
            self._active.file = self._disk.open(last.path, os.O_WRONLY | os.O_APPEND)
            self._active.size = os.fstat(self._active.file).st_size
            # A killed process may have left a batch that was never synced: it counts from now on.
            self._disk.fsync(self._active.file)
            self._disk.sync_folder(self._folder.journal)

    def _create(self, *, first_lsn: int) -> None:
        """Start a segment, in place of one whose header never became whole."""
        path = self._folder.journal / Segment.name(first_lsn)
        file = self._disk.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
        try:
            size = write_all(self._disk, file, [encode_header(self.identifier, first_lsn)])
            self._disk.fsync(file)
            self._disk.sync_folder(self._folder.journal)
        except OSError:
            self._disk.close(file)
            self._disk.unlink(path)
            raise
        self._active = _Active(first_lsn, file, size)

    def _roll(self, first_lsn: int) -> None:
        sealed = self._active.file
        self._create(first_lsn=first_lsn)
        self._disk.close(sealed)

    def _cut_back(self, cause: OSError) -> None:
        try:
            self._disk.truncate(self._active.file, self._active.size)
        except OSError as error:
            raise StorageBroken(
                f"{self._folder.journal}: a failed write ({cause.strerror}) could not be undone "
                f"({error.strerror}): check the disk, then start the service again"
            ) from error


def _refusal(error: OSError) -> Refusal:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(503, "disk_full", "the disk is full; nothing was stored", retry_after_seconds=30)
    return Refusal(
        503, "storage_error", f"the disk refused: {error.strerror}; nothing was stored", retry_after_seconds=5
    )
