"""Which segment is compacted next."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Protocol, TypeVar


class Packable(Protocol):
    """What is looked at of a segment that is complete."""

    @property
    def first_lsn(self) -> int:
        """Its first commit."""

    @property
    def last_lsn(self) -> int:
        """Its last commit."""

    @property
    def received(self) -> float:
        """Not before its last commit was received, in seconds since the epoch."""


_Segment = TypeVar("_Segment", bound=Packable)


def next_in_turn(
    sealed: Iterable[_Segment],
    *,
    due: Callable[[_Segment], float],
    now: float,
    after_seconds: float,
    read_lsn: int,
    waiting: Container[int] = (),
) -> _Segment | None:
    """The oldest segment that is due, or None.

    Its last commit must be one that the oldest checkpoint and every cursor have behind them (`read_lsn`), and
    must have been received `after_seconds` ago, so that its stories have come to their end. Those that begin
    with a commit of `waiting` are passed over. `due` tells when more of one can go; 0 where it was never
    compacted.
    """
    for segment in sealed:
        if segment.last_lsn > read_lsn:
            return None
        is_old = segment.received + after_seconds <= now
        if is_old and segment.first_lsn not in waiting and due(segment) <= now:
            return segment
    return None
