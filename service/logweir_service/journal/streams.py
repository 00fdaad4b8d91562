"""Which numbers of each sender's stream the service has: what makes sending twice harmless.

A stream is one incarnation of a sending process. It numbers its events from 1 on, also those it had to drop,
and sends them strictly in order, so one number per stream says what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from logweir_service.errors import LogweirError

from .format import Commit

CLOSED_SECONDS: Final = 3600.0
"""How long the mark of a closed stream is kept: its sender has at most its last body to repeat."""

SILENT_SECONDS: Final = 7 * 86_400.0
"""How long the mark of a silent stream is kept; a shipper keeps what it could not send for 72 h."""

MAX_CLOSED: Final = 100_000
MAX_OPEN: Final = 500_000
"""Marks kept at most: a guard of memory and of the checkpoint's size, some 100 bytes each."""

_MAX_SERVICES: Final = 1000
"""Services told apart in counts."""


class StreamConflict(LogweirError):
    """Two senders claim one stream: same first number, same count, other bytes."""


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a stream stands."""

    next_seq: int
    """The number it goes on with."""
    seq: int
    """The first number of its last body."""
    body_crc32: int
    closed: bool
    seen: float
    """When its last body was committed, in seconds since the epoch."""
    service: str = ""
    """Who sends it; empty where that is not known."""

    @classmethod
    def of(cls, commit: Commit) -> Mark | None:
        """Where the stream of a commit stands behind it; None where it belongs to no stream."""
        at = commit.position
        if at is None:
            return None
        return cls(at.next_seq, at.seq, at.body_crc32, at.closed, commit.received, commit.service)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a body stands in its stream."""

    known: int = 0
    """How many of its numbers, from the first on, the service has already."""
    hole: int = 0
    """How many numbers before it were never seen: lost events."""
    joined_late: bool = False
    """The stream was never seen before and starts behind 1."""


def place(mark: Mark | None, *, seq: int, span: int, body_crc32: int) -> Placement:
    """Say where a body that takes the numbers `seq` to `seq` + `span` stands behind `mark`.

    Raises:
        StreamConflict: where it claims the place of the stream's last body with other bytes.
    """
    if mark is None:
        return Placement(joined_late=seq > 1)
    if span and (mark.seq, mark.next_seq) == (seq, seq + span) and mark.body_crc32 != body_crc32:
        raise StreamConflict
    return Placement(
        known=min(max(mark.next_seq - seq, 0), span),
        hole=max(seq - mark.next_seq, 0),
    )


class Marks:
    """Where all streams stand: open and closed ones apart, each in the order in which they last spoke."""

    def __init__(self) -> None:
        self.open: dict[str, Mark] = {}
        self.closed: dict[str, Mark] = {}
        self.unclosed: dict[str, int] = {}
        """Streams forgotten although they never closed, by service: their senders were killed."""
        self.forgotten_early = 0
        """Marks given up because there were too many."""

    def __len__(self) -> int:
        return len(self.open) + len(self.closed)

    def get(self, stream: str) -> Mark | None:
        """Where a stream stands, if it is known."""
        return self.open.get(stream) or self.closed.get(stream)

    def put(self, stream: str, mark: Mark) -> None:
        """Take note of where a stream stands now."""
        before = self.open.pop(stream, None) or self.closed.pop(stream, None)
        if not mark.service and before is not None and before.service:
            mark = msgspec.structs.replace(mark, service=before.service)
        marks, most = (self.closed, MAX_CLOSED) if mark.closed else (self.open, MAX_OPEN)
        marks[stream] = mark
        if len(marks) > most:
            self._forget_oldest(marks, most // 100)

    def restore(self, *, opened: Mapping[str, Mark], closed: Mapping[str, Mark]) -> None:
        """Begin with the marks of a checkpoint."""
        self.open, self.closed = dict(opened), dict(closed)

    def expire(self, now: float) -> None:
        """Forget streams that closed an hour ago, or fell silent a week ago."""
        for stream in _overdue(self.closed, now - CLOSED_SECONDS):
            del self.closed[stream]
        for stream in _overdue(self.open, now - SILENT_SECONDS):
            service = self.open.pop(stream).service or "unknown"
            if service not in self.unclosed and len(self.unclosed) >= _MAX_SERVICES:
                service = "__other__"
            self.unclosed[service] = self.unclosed.get(service, 0) + 1

    def forget_counts(self) -> None:
        """Let the counts begin at 0."""
        self.unclosed.clear()
        self.forgotten_early = 0

    def _forget_oldest(self, marks: dict[str, Mark], count: int) -> None:
        """Forget several at once: to find the first of a dict takes as long as what was removed before it."""
        for stream in [*islice(marks, max(count, 1))]:
            del marks[stream]
            self.forgotten_early += 1


def _overdue(marks: Mapping[str, Mark], oldest: float) -> Iterable[str]:
    found = []
    for stream, mark in marks.items():
        if mark.seen >= oldest:
            break
        found.append(stream)
    return found
