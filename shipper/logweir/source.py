"""The seam between what keeps events until they are sent and what sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from logweir.fields import CLOSED, LOST
from logweir.tally import Tally


class Chunk:
    """Consecutive events of a stream, or one control line, as NDJSON.

    `numbers` is how many of the stream's numbers its `lines` take.
    """

    __slots__ = ("closes", "control", "data", "lines", "numbers")

    def __init__(self, data: bytes | bytearray, *, lines: int) -> None:
        self.data = data
        self.lines = lines
        self.numbers = lines
        self.control = self.closes = False

    @classmethod
    def lost(cls, count: int) -> Chunk:
        """The control line that takes the numbers of `count` dropped events."""
        chunk = cls(f'{{"{LOST}":{{"count":{count}}}}}\n'.encode(), lines=1)
        chunk.control, chunk.numbers = True, count
        return chunk

    @classmethod
    def closed(cls) -> Chunk:
        """The control line that ends a stream."""
        chunk = cls(f'{{"{CLOSED}":{{}}}}\n'.encode(), lines=1)
        chunk.control, chunk.closes, chunk.numbers = True, True, 0
        return chunk

    @property
    def size(self) -> int:
        """Bytes of its lines."""
        return len(self.data)

    def halves(self) -> tuple[Chunk, Chunk]:
        """Two chunks with the same events, of which there must be at least two."""
        lines = bytes(self.data).splitlines(keepends=True)
        middle = len(lines) // 2
        first, second = lines[:middle], lines[middle:]
        return Chunk(b"".join(first), lines=middle), Chunk(b"".join(second), lines=len(second))


class Source(Protocol):
    """One stream of lines to be sent: `stream` is its identity, `next_number` that of the first line."""

    stream: str
    next_number: int

    def front(self, *, max_lines: int, max_bytes: int) -> list[Chunk]:
        """What to send next, in order: at least one chunk where there is any. A stream's end comes alone."""

    def release(self, batch: Sequence[Chunk]) -> None:
        """Let go of the first chunks, which are delivered or given up."""

    def replace(self, batch: Sequence[Chunk], chunks: Sequence[Chunk]) -> None:
        """Put `chunks` in the place of `batch`, the first ones; they must take as many numbers."""

    def open_stream(self) -> None:
        """Take a new identity; what is not released is numbered anew in it, from 1."""

    def is_empty(self) -> bool:
        """Whether nothing waits."""


class Put(Protocol):
    """Takes one event: a line of JSON with its newline. Returns at once."""

    def __call__(self, line: bytes, level: str) -> None:
        """Queue it; where there is no room, drop and count it."""


class Queue(Protocol):
    """What the sender takes events from. `put` may be called by any thread, the rest by the sender."""

    @property
    def adopted(self) -> Sequence[Source]:
        """Streams of dead processes, to be sent beside this one's."""

    def reset(self, tally: Tally) -> None:
        """Forget all: what a forked child does, since its parent goes on with what was there."""

    def put(self, line: bytes, level: str) -> None:
        """Take one event, or drop and count it where there is no room."""

    def look_around(self) -> None:
        """Begin anew where this is a forked child; `put` looks by itself."""

    def sources(self) -> Sequence[Source]:
        """What waits of this process, in the order in which it is to be sent."""

    def finish(self, source: Source) -> bool:
        """Called when `source` is empty; true where it has ended, and is forgotten."""

    def has(self, source: Source) -> bool:
        """Whether `source` is still one of its streams."""

    def upkeep(self) -> float:
        """Do what is due from time to time; returns the seconds until it is due again."""

    def sync(self) -> None:
        """Make what waits as durable as was promised, before any of it is sent."""

    def let_go_of_adopted(self) -> None:
        """Leave the streams of dead processes to another."""

    def close_stream(self) -> None:
        """Let a control line end the stream after what is there, unless that is done already."""

    def has_full_chunk(self) -> bool:
        """Whether there is a reason to send before the collecting time is over."""

    def is_empty(self) -> bool:
        """Whether nothing of this process waits."""

    def sleep_if_empty(self, fall_asleep: Callable[[], None]) -> bool:
        """Where nothing waits, call `fall_asleep` and be true; from then on the next event calls `wake`."""

    @property
    def is_open(self) -> bool:
        """Whether a stream was begun and not ended."""

    @property
    def accepted(self) -> int:
        """Events put so far, dropped ones included."""

    @property
    def released(self) -> int:
        """Of those, what is delivered or given up."""

    @property
    def queued(self) -> int:
        """Events that wait, dropped ones whose loss is not yet reported included."""

    @property
    def used_bytes(self) -> int:
        """The room taken, of what there is."""

    @property
    def free_share(self) -> float:
        """The part of the room that is free, from 0 to 1."""
