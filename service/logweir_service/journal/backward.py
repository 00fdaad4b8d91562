"""Reading the journal from its newest batch back, without owning it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from .format import MAX_LINE_BYTES, decode_commit
from .places import PlacedBatch, Places
from .segment import Segment, segments


class BackwardSegment:
    """One segment, and its batches from the newest to the oldest."""

    def __init__(self, segment: Segment, *, last_lsn: int) -> None:
        self.first_lsn = segment.first_lsn
        self._segment = segment
        self._last_lsn = last_lsn

    def began(self) -> float | None:
        """When its first batch was received, in seconds since the epoch; None where that cannot be read.

        Raises:
            FileNotFoundError: it was removed.
        """
        with self._segment.open() as file:
            file.readline(MAX_LINE_BYTES)
            commit = decode_commit(file.readline(MAX_LINE_BYTES))
        return commit.received if commit else None

    def batches(self, before_lsn: int) -> Iterator[PlacedBatch]:
        """Those before a commit, newest first.

        Raises:
            FileNotFoundError: it was removed.
        """
        with self._segment.open() as file:
            places = Places(self._segment)
            places.walk(file, self._last_lsn)
            yield from places.before(file, before_lsn)


def newest_first(folder: Path, *, last_lsn: int | None = None) -> list[BackwardSegment]:
    """The segments of a journal; nothing behind commit `last_lsn` is shown, where one is given."""
    last = sys.maxsize if last_lsn is None else last_lsn
    return [
        BackwardSegment(segment, last_lsn=last)
        for segment in reversed(segments(folder))
        if segment.first_lsn <= last
    ]
