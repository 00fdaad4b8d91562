"""Where the batches of a segment stand: its commit lines tell it, and what is behind them is not read."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from .format import MAX_LINE_BYTES, Commit, decode_commit, intact
from .segment import Segment, SegmentReader

_STRETCH_BYTES: Final = 1 << 20
"""How much is read in one go; a longer batch is read alone."""


@dataclass(frozen=True, slots=True)
class PlacedBatch:
    """A batch that is not yet known to be whole."""

    lsn: int
    received: float
    lines: bytes
    commit_line: bytes

    def intact(self) -> bool:
        """Whether it is as it was written."""
        return intact(self.commit_line, self.lines)


class Places:
    """The batches of one segment as far as it was walked through, which can be gone on with as it grows."""

    def __init__(self, segment: Segment, *, begin: tuple[int, int] | None = None) -> None:
        """Begin with the commit that `begin` names, and the place that it names, or with the first."""
        self.segment = segment
        self.first_lsn = begin[0] if begin else segment.first_lsn
        """Nothing before it is known."""
        self.last_lsn = self.first_lsn - 1
        """Of the batches found."""
        self._lsns, self._received = array("Q"), array("d")
        self._begins, self._ends, self._counts = array("Q"), array("Q"), array("Q")
        self._end = begin[1] if begin else 0

    def walk(self, file: BinaryIO, last_lsn: int) -> None:
        """Go on up to commit `last_lsn`, or to where the segment ends for now.

        What is read at these places is to be read from the same opened file: a segment that is written anew
        meanwhile has others.

        Raises:
            FileNotFoundError: it was removed.
        """
        if self._walk(file, last_lsn):
            return
        for located in SegmentReader(  # something is no batch, and another may stand behind it
            self.segment, offset=self._end, after_lsn=self.last_lsn, passing_over=True
        ):
            if located.commit.lsn > last_lsn:
                return
            end = located.offset + len(located.commit_line) + located.commit.size
            self._add(located.commit, located.offset, end)

    def before(self, file: BinaryIO, lsn: int) -> Iterator[PlacedBatch]:
        """The batches before a commit, newest first."""
        stop = bisect_left(self._lsns, lsn)
        while stop:
            start = bisect_left(self._begins, max(self._ends[stop - 1] - _STRETCH_BYTES, 0))
            start = min(start, stop - 1)
            yield from reversed(self._read(file, start, stop))
            stop = start

    def behind(self, file: BinaryIO, lsn: int) -> Iterator[PlacedBatch]:
        """The batches behind a commit, oldest first."""
        start = bisect_right(self._lsns, lsn)
        while start < len(self._lsns):
            stop = bisect_right(self._ends, self._begins[start] + _STRETCH_BYTES)
            stop = max(stop, start + 1)
            yield from self._read(file, start, stop)
            start = stop

    def events(self, after_lsn: int, upto_lsn: int) -> int:
        """How many events came with the commits behind one and up to another."""
        return sum(self._counts[bisect_right(self._lsns, after_lsn) : bisect_right(self._lsns, upto_lsn)])

    def _read(self, file: BinaryIO, start: int, stop: int) -> list[PlacedBatch]:
        base = self._begins[start]
        file.seek(base)
        content = file.read(self._ends[stop - 1] - base)
        found = []
        for number in range(start, stop):
            batch = content[self._begins[number] - base : self._ends[number] - base]
            commit_line, newline, lines = batch.partition(b"\n")
            found.append(
                PlacedBatch(self._lsns[number], self._received[number], lines, commit_line + newline)
            )
        return found

    def _walk(self, file: BinaryIO, last_lsn: int) -> bool:
        """Go on by commit lines alone; False where what stands there is none."""
        size = file.seek(0, os.SEEK_END)
        if not self._end:
            file.seek(0)
            self._end = len(file.readline(MAX_LINE_BYTES))
        while self._end < size and self.last_lsn < last_lsn:
            file.seek(self._end)
            line = file.readline(MAX_LINE_BYTES)
            commit = decode_commit(line)
            if commit is None and self._end + len(line) == size and line[-1:] != b"\n":
                return True  # it is being written
            if commit is None or commit.lsn <= self.last_lsn:
                return False
            end = self._end + len(line) + commit.size
            if end > size or commit.lsn > last_lsn:
                return True
            self._add(commit, self._end, end)
        return True

    def _add(self, commit: Commit, begin: int, end: int) -> None:
        self._lsns.append(commit.lsn)
        self._received.append(commit.received)
        self._begins.append(begin)
        self._ends.append(end)
        self._counts.append(commit.count)
        self._end, self.last_lsn = end, commit.lsn
