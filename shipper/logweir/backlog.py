"""The events that wait to be sent, in memory, in order, and the numbers they have in their stream.

Lines are copied into an open chunk, which is sealed when it is full or when the sender asks; the sender
takes whole chunks from the front, and they stay until they are acknowledged. Copying is cheaper than
keeping the bytes objects: orjson cuts those from larger blocks, and to keep 1000 of them costs twice what
making them does.

Every event takes a number, also one that is dropped: the control line ``{"_lost":{"count":N}}`` stands in
its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from logweir.fork import mark_of_this_process
from logweir.source import Chunk, Source
from logweir.tally import Tally

CHUNK_LINES: Final = 1000
CHUNK_BYTES: Final = 1024 * 1024
RESERVED_SHARE: Final = 0.1
"""The part of the room that only warnings and above may use."""

BELOW_WARNING: Final = frozenset({"debug", "info"})


class Backlog:
    """A bounded queue of encoded events: `put` from any thread, the rest from the sender alone.

    `put` never blocks for longer than an append in another thread takes. It may be called in the midst of
    any change on the same thread (by a signal handler or a finaliser): such an event waits aside and follows.
    `wake` is called when a first event came after the sender slept, and when a chunk is full; `moved` in a
    forked child that Python's hooks were not told of, to `reset`.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        tally: Tally,
        wake: Callable[[], None],
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._moved = moved
        self.adopted: Sequence[Source] = ()
        self._max_bytes = max_bytes
        self._max_bytes_below_warning = int(max_bytes * (1 - RESERVED_SHARE))
        self._wake = wake
        self.reset(tally)

    def reset(self, tally: Tally) -> None:
        """Forget all, locks included: what a forked child does, since its parent sends what was there."""
        self._tally = tally
        self._here = mark_of_this_process()
        self._lock = threading.RLock()
        self._busy = False
        self._aside: deque[tuple[bytes, str]] = deque()
        self._sealed: deque[Chunk] = deque()
        self._open = bytearray()
        self._open_lines = 0
        self._sealed_bytes = self._sealed_numbers = 0
        self._lost = 0
        self._asleep = True
        self.released = 0
        self.open_stream()

    def open_stream(self) -> None:
        """Take a new identity; what is not released is numbered anew in it, from 1."""
        self.stream = str(uuid4())
        self.next_number = 1

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
                self._append(line, level)
                self._settle()
            finally:
                self._busy = False

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
                self._settle()
            finally:
                self._busy = False

    def _settle(self) -> None:
        """End a change: what was put in its midst follows, and the sender is told where it has to be."""
        while self._aside:
            self._append(*self._aside.popleft())
        if self._is_full() or (self._asleep and not self.is_empty()):
            self._asleep = False
            self._wake()

    def _append(self, line: bytes, level: str) -> None:
        limit = self._max_bytes_below_warning if level in BELOW_WARNING else self._max_bytes
        if self._sealed_bytes + len(self._open) + len(line) > limit:
            self._lost += 1
            self._tally.add("queue_full", level)
            return
        if self._lost or self._is_full():
            self._seal()
        self._open += line
        self._open_lines += 1

    def _is_full(self) -> bool:
        return self._open_lines >= CHUNK_LINES or len(self._open) >= CHUNK_BYTES

    def _seal(self, *, closes: bool = False) -> None:
        """Make the open lines, what was lost after them, and the stream's end into chunks.

        The lines are counted anew: a signal handler that raised may have kept `put` from counting one.
        """
        if self._open:
            chunk = Chunk(self._open, lines=self._open.count(b"\n"))
            self._open, self._open_lines = bytearray(), 0
            self._keep(chunk)
        if self._lost:
            chunk, self._lost = Chunk.lost(self._lost), 0
            self._keep(chunk)
        if closes:
            self._keep(Chunk.closed())

    def _keep(self, chunk: Chunk) -> None:
        self._sealed.append(chunk)
        self._sealed_bytes += chunk.size
        self._sealed_numbers += chunk.numbers

    def front(self, *, max_lines: int, max_bytes: int) -> list[Chunk]:
        """The chunks to send next, in order: at least one where there is any. A stream's end comes alone.

        Where no full chunk waits, the open one is sealed.
        """
        with self._change() as whole:
            if whole and not self._sealed:
                self._seal()
            batch: list[Chunk] = []
            lines = size = 0
            for chunk in self._sealed:
                lines += chunk.lines
                size += chunk.size
                if batch and (chunk.closes or lines > max_lines or size > max_bytes):
                    break
                batch.append(chunk)
                if chunk.closes:
                    break
            return batch

    def release(self, batch: Sequence[Chunk]) -> None:
        """Let go of the first chunks, which are delivered or given up."""
        with self._change():
            for chunk in batch:
                self._sealed.popleft()
                self._sealed_bytes -= chunk.size
                self.released += chunk.numbers
                self.next_number += chunk.numbers
                if chunk.closes:
                    self.open_stream()

    def replace(self, batch: Sequence[Chunk], chunks: Sequence[Chunk]) -> None:
        """Put `chunks` in the place of `batch`, the first ones; they must take as many numbers."""
        with self._change():
            for _ in batch:
                self._sealed.popleft()
            self._sealed_bytes += sum(chunk.size for chunk in chunks) - sum(chunk.size for chunk in batch)
            self._sealed.extendleft(reversed(chunks))

    def close_stream(self) -> None:
        """Let a control line end the stream after what is there, unless that is done already."""
        with self._change() as whole:
            if whole and not (self._sealed and self._sealed[-1].closes and not self._open):
                self._seal(closes=True)

    def look_around(self) -> None:
        """Begin anew where this is a forked child; `put` looks by itself."""
        if not self._here[0]:
            self._moved()

    def sources(self) -> Sequence[Source]:
        """Itself, where anything waits."""
        return () if self.is_empty() else (self,)

    def finish(self, source: Source) -> bool:  # noqa: ARG002 - there is but one
        """Go on with the next stream."""
        return False

    def has(self, source: Source) -> bool:
        """Whether it is itself."""
        return source is self

    def upkeep(self) -> float:
        """Do nothing, and that seldom."""
        return 3600.0

    def sync(self) -> None:
        """Do nothing: memory is what it is."""

    def let_go_of_adopted(self) -> None:
        """Do nothing: memory has no heirs."""

    def has_full_chunk(self) -> bool:
        """Whether there is a reason to send before the collecting time is over."""
        return bool(self._sealed) or self._is_full()

    def is_empty(self) -> bool:
        """Whether nothing waits, neither events nor a loss to be told."""
        return not (self._sealed or self._open or self._lost or self._aside)

    def sleep_if_empty(self, fall_asleep: Callable[[], None]) -> bool:
        """Where nothing waits, call `fall_asleep` and be true; from then on the next event calls `wake`."""
        with self._change():
            if not self.is_empty():
                return False
            self._asleep = True
            fall_asleep()
            return True

    @property
    def is_open(self) -> bool:
        """Whether a stream was begun and not ended."""
        return self.next_number > 1 or bool(self.queued)

    @property
    def accepted(self) -> int:
        """Events put so far, dropped ones included."""
        with self._lock:
            return self._sealed_numbers + self._open_lines + self._lost + len(self._aside)

    @property
    def queued(self) -> int:
        """Events that wait, dropped ones whose loss is not yet reported included."""
        return self.accepted - self.released

    @property
    def used_bytes(self) -> int:
        """The room taken, of `max_bytes`."""
        return self._sealed_bytes + len(self._open)

    @property
    def free_share(self) -> float:
        """The part of the room that is free, from 0 to 1."""
        return 1 - self.used_bytes / self._max_bytes
