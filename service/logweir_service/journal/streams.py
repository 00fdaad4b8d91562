"""Which numbers of each sender's stream the service has: what makes sending twice harmless.

A stream is one incarnation of a sending process. It numbers its events from 1 on, also those it had to drop,
and sends them strictly in order, so one number per stream says what is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from logweir_service.errors import LogweirError

from .format import StreamPosition


class StreamConflict(LogweirError):
    """Two senders claim one stream: same first number, same count, other bytes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a stream stands."""

    next_seq: int
    """The number it goes on with."""
    seq: int
    """The first number of its last body."""
    body_crc32: int
    closed: bool
    seen: float
    """When its last body was committed, in seconds since the epoch."""

    @classmethod
    def of(cls, position: StreamPosition, seen: float) -> Mark:
        """Where a stream stands behind a body."""
        return cls(position.next_seq, position.seq, position.body_crc32, position.closed, seen)


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
