"""Which numbers of each sender's stream the service has: what makes sending twice harmless.

A stream is one incarnation of a sending process. It numbers its events from 1 on, also those it had to drop,
and sends them strictly in order, so one number per stream says what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

import msgspec

from logweir_service.errors import LogweirError

from .format import StreamPosition
from .losses import Losses

CLOSED_SECONDS: Final = 3600.0
"""How long the mark of a closed stream is kept: its sender has at most its last body to repeat."""

SILENT_SECONDS: Final = 7 * 86_400.0
"""How long the mark of a silent stream is kept; a shipper keeps what it could not send for 72 h."""

MAX_CLOSED: Final = 100_000
MAX_OPEN: Final = 500_000
"""Marks kept at most: a guard of memory and of the checkpoint's size, some 100 bytes each."""


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
    """When its last body was committed, by the journal's own time."""
    service: str = ""
    """Who sends it; empty where that is not known."""

    @classmethod
    def of(cls, at: StreamPosition, *, service: str, seen: float) -> Mark:
        """Where a stream stands behind a body of this service."""
        return cls(at.next_seq, at.seq, at.body_crc32, at.closed, seen, service)


def known_of(mark: Mark | None, *, seq: int, span: int, body_crc32: int) -> int:
    """How many of the numbers `seq` to `seq` + `span`, from the first on, the service has already.

    Raises:
        StreamConflict: the body claims the place of the stream's last body with other bytes.
    """
    if mark is None:
        return 0
    if span and (mark.seq, mark.next_seq) == (seq, seq + span) and mark.body_crc32 != body_crc32:
        raise StreamConflict
    return min(max(mark.next_seq - seq, 0), span)


class Marks:
    """Where all streams stand: open and closed ones apart, each in the order in which they last spoke."""

    def __init__(self) -> None:
        self.open: dict[str, Mark] = {}
        self.closed: dict[str, Mark] = {}
        self.losses = Losses()
        """What the streams have left out, and which of them were forgotten."""

    def __len__(self) -> int:
        return len(self.open) + len(self.closed)

    def get(self, stream: str) -> Mark | None:
        """Where a stream stands, if it is known."""
        return self.open.get(stream) or self.closed.get(stream)

    def put(self, stream: str, mark: Mark) -> None:
        """Take note of where a stream stands now, and of what it has left out on its way there."""
        before = self.open.pop(stream, None) or self.closed.pop(stream, None)
        if before is None:
            self.losses.joined_late += mark.seq > 1
        else:
            self.losses.never_sent += max(mark.seq - before.next_seq, 0)
        if not mark.service and before is not None and before.service:
            mark = msgspec.structs.replace(mark, service=before.service)
        marks, most = (self.closed, MAX_CLOSED) if mark.closed else (self.open, MAX_OPEN)
        marks[stream] = mark
        if len(marks) > most:
            self._forget_oldest(marks, most // 100)

    def restore(self, *, opened: Mapping[str, Mark], closed: Mapping[str, Mark], losses: Losses) -> None:
        """Begin with the marks of a checkpoint."""
        self.open, self.closed, self.losses = dict(opened), dict(closed), losses

    def expire(self, now: float) -> None:
        """Forget streams that closed an hour ago, or fell silent a week ago."""
        for stream in _overdue(self.closed, now - CLOSED_SECONDS):
            del self.closed[stream]
        for stream in _overdue(self.open, now - SILENT_SECONDS):
            self.losses.count_unclosed(self.open.pop(stream).service)

    def _forget_oldest(self, marks: dict[str, Mark], count: int) -> None:
        """Forget several at once: to find the first of a dict takes as long as what was removed before it."""
        for stream in [*islice(marks, max(count, 1))]:
            del marks[stream]
            self.losses.forgotten += 1


def _overdue(marks: Mapping[str, Mark], oldest: float) -> Iterable[str]:
    found = []
    for stream, mark in marks.items():
        if mark.seen >= oldest:
            break
        found.append(stream)
    return found
