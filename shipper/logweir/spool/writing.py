"""What the application's threads put events into: the segment that is written, and what follows it.

`put` runs for every event of an application. The common case is a copy of the line into the mapped segment,
and stands in `put` itself; whatever else there is to do (the next segment, a full spool, a sick disk) begins
where the line does not fit. What takes time, such as allocating the next segment, the sender does ahead.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import mmap
from typing import Final

from logweir.backlog import BELOW_WARNING, RESERVED_SHARE, Backlog
from logweir.fork import mark_of_this_process
from logweir.notices import Notices
from logweir.source import Chunk
from logweir.spool.place import Plan, can_map, make_private
from logweir.spool.segment import END, MappedWriter, Segment, Writer
from logweir.spool.stream import Stream
from logweir.tally import Tally

FIRST_SEGMENT_BYTES: Final = 128 * 1024
MAX_SEGMENT_BYTES: Final = 256 * 1024
"""A process that says little takes little. A segment of 1 MiB takes 1 ms to make, more than an application
should wait where the sender had no time to make it ahead."""
PAGE_BYTES: Final = 4096
MEMORY_BYTES: Final = 16 * 1024 * 1024
"""What may wait in memory while the disk takes nothing."""
MEND_SECONDS: Final = 5.0


class Writing:
    """A queue of encoded events on disk, as those see it who put events into it.

    Where the disk takes nothing, events wait in a `Backlog`, which is a stream of its own.
    """

    _writer: Writer | None
    _map: mmap | bytearray
    _marks: memoryview | list[int]

    def __init__(
        self,
        plan: Plan,
        *,
        tally: Tally,
        wake: Callable[[], None],
        notices: Notices,
        moved: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._folder = plan.folder / plan.service
        self._wake = wake
        self._moved = moved
        self._notices = notices
        self._clock = clock
        self._max_segment = min(MAX_SEGMENT_BYTES, plan.max_bytes // 8 // PAGE_BYTES * PAGE_BYTES)
        self._begin(tally)

    def _begin(self, tally: Tally) -> None:
        self._tally = tally
        self._here = mark_of_this_process()
        self._lock = threading.RLock()
        self._busy = False
        self._asleep = True
        self._aside: deque[tuple[bytes, str]] = deque()
        self._stream: Stream | None = None
        self._stop_writing()
        self._low_room = 0
        self._spare: Segment | None = None
        self._wants_spare = self._broken = False
        self._lost = 0
        self._own: list[Stream] = []
        self.adopted: list[Stream] = []
        self._memory = Backlog(max_bytes=MEMORY_BYTES, tally=tally, wake=lambda: None)
        self._others_bytes = 0
        self._mapped: bool | None = None
        self._mend_at = self._adopt_at = 0.0
        self._accepted = self._released = 0

    def reset(self, tally: Tally) -> None:
        """Let go of all without a word: what a forked child does, whose parent goes on with it."""
        left = [*self._own, *self.adopted]
        spare = self._spare
        self._begin(tally)
        for stream in left:
            stream.close()
        if spare is not None:
            spare.close()

    def put(self, line: bytes, level: str) -> None:
        """Take one event, or drop and count it where there is no room."""
        if not self._here[0]:
            self._moved()
        with self._lock:
            if self._busy:
                self._aside.append((line, level))
                return
            self._busy = True
            try:
                marks = self._marks
                start = marks[END]
                end = start + len(line)
                if end <= self._limit:
                    self._map[start:end] = line
                    marks[END] = end
                else:
                    self._put_slowly(line, level)
                self._accepted += 1
                if self._aside:
                    self._put_aside()
                if self._asleep:
                    self._asleep = False
                    self._wake()
            finally:
                self._busy = False

    def look_around(self) -> None:
        """Begin anew where this is a forked child; `put` looks by itself."""
        if not self._here[0]:
            self._moved()

    @contextmanager
    def _change(self) -> Iterator[bool]:
        """What `put` does, for the methods called less often; false in the midst of another change."""
        with self._lock:
            if self._busy:
                yield False
                return
            self._busy = True
            try:
                yield True
                self._put_aside()
            finally:
                self._busy = False

    def _put_aside(self) -> None:
        """Put what came in the midst of a change."""
        while self._aside:
            self._put_slowly(*self._aside.popleft())
            self._accepted += 1
        if self._asleep and not self.is_empty():
            self._asleep = False
            self._wake()

    def _put_slowly(self, line: bytes, level: str) -> None:
        if not self._broken:
            try:
                if self._fits(line, level) or self._roll(line, level):
                    self._write(line)
                else:
                    self._drop(level)
                return
            except (OSError, ValueError) as fault:
                self._break(fault)
        self._memory.put(line, level)

    def _fits(self, line: bytes, level: str) -> bool:
        writer = self._writer
        if writer is None:
            return False
        if writer.fault is not None:
            raise writer.fault
        room = self._low_room if level in BELOW_WARNING else writer.room
        return writer.used + len(line) + len(self._loss()) <= room

    def _roll(self, line: bytes, level: str) -> bool:
        """Go over to the next segment; False where the spool is full for an event of this level."""
        needed = len(line) + len(self._loss())
        if self._stream is None:
            self._open_stream()
        stream = self._stream
        assert stream is not None
        spare = self._spare
        size = spare.size if spare else self._next_size(needed)
        used = self.used_bytes + self._others_bytes + (0 if spare else size)
        reserve = int(self._plan.max_bytes * (1 - RESERVED_SHARE))
        low_room = size - 256 - max(0, used - reserve)
        if used > self._plan.max_bytes or (level in BELOW_WARNING and needed > low_room):
            return False
        segment = spare or stream.add_segment(size, mapped=self._may_map())
        self._spare = None
        self._stop_writing()
        if stream.segments:
            stream.segments[-1].seal()
        stream.segments.append(segment)
        self._writer = segment.writer
        self._low_room = low_room
        self._wants_spare = False
        return True

    def _write(self, line: bytes) -> None:
        """Write a line that fits, behind the loss that stands before it; then say where to look up next."""
        writer = self._writer
        assert writer is not None
        self._tell_loss(writer)
        if not writer.append(line):
            raise writer.fault or OSError("no room")
        half = writer.room // 2
        if writer.used > half and not self._wants_spare:
            self._wants_spare = True
            self._wake()
        self._limit = min(writer.room if self._wants_spare else half, self._low_room)
        if isinstance(writer, MappedWriter):
            self._map, self._marks = writer.map, writer.marks
        else:
            self._limit = -1

    def _stop_writing(self) -> None:
        """Have no segment: every event is put slowly."""
        self._limit = -1
        self._writer = None
        self._map = bytearray()
        self._marks = [0] * 8

    def _tell_loss(self, writer: Writer) -> None:
        if self._lost:
            writer.append_control(bytes(self._loss()))
            self._lost = 0

    def _loss(self) -> bytes:
        return bytes(Chunk.lost(self._lost).data) if self._lost else b""

    def _drop(self, level: str) -> None:
        self._lost += 1
        self._tally.add("queue_full", level)
        if self._writer is not None:
            self._writer.note_lost(self._lost)
        self._limit = -1

    def _break(self, fault: Exception) -> None:
        """Go on in memory, until the sender finds that the disk takes events again."""
        self._broken = True
        self._limit = -1
        self._mend_at = self._clock() + MEND_SECONDS
        why = (isinstance(fault, OSError) and fault.strerror) or fault
        self._notices.say(
            "spool",
            f"events wait in memory only, the spool in {self._folder} cannot be written: {why}; "
            "make room there, or name another folder with LOGWEIR_SPOOL",
        )
        if isinstance(fault, FileNotFoundError):
            self._end_stream()

    def _open_stream(self) -> None:
        if self._plan.shared:
            make_private(self._plan.folder)
        stream = Stream.create(self._folder)
        self._own.append(stream)
        self._stream = stream

    def _next_size(self, needed: int = 0) -> int:
        stream = self._stream
        last = stream.segments[-1].size if stream and stream.segments else FIRST_SEGMENT_BYTES // 2
        size = min(max(2 * last, FIRST_SEGMENT_BYTES), max(self._max_segment, FIRST_SEGMENT_BYTES))
        return max(size, -(-(needed + 512) // PAGE_BYTES) * PAGE_BYTES)

    def _may_map(self) -> bool:
        if self._mapped is None:
            self._mapped = can_map(self._folder)
        return self._mapped

    def _end_stream(self) -> None:
        stream, writer = self._stream, self._writer
        self._stream = None
        self._stop_writing()
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()
        if stream is None:
            return
        if writer is not None and stream.segments:
            self._tell_loss(writer)
            writer.append_control(bytes(Chunk.closed().data))
            stream.segments[-1].seal()
        else:
            stream.end()

    def tell_loss(self) -> None:
        """Write how many events were dropped, where nothing follows that would tell."""
        with self._change() as whole:
            if whole and self._lost and not self._broken:
                try:
                    if self._fits(b"", "critical") or self._roll(b"", "critical"):
                        assert self._writer is not None
                        self._tell_loss(self._writer)
                except (OSError, ValueError) as fault:
                    self._break(fault)

    def is_empty(self) -> bool:
        """Whether nothing of this process waits, neither events nor a loss to be told."""
        waits = self._aside or self._lost or not self._memory.is_empty()
        return not waits and all(stream.is_empty() for stream in self._own[:])

    @property
    def used_bytes(self) -> int:
        """The room that this process takes, of `max_bytes`."""
        return sum(stream.size for stream in self._own[:])
