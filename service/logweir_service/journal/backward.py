"""Reading the journal from its newest batch back, without owning it."""

from __future__ import annotations

import os
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from .format import MAX_LINE_BYTES, decode_commit, intact
from .segment import Segment, SegmentReader, segments

_STRETCH_BYTES: Final = 1 << 20
"""How much is read in one go; a longer batch is read alone."""


@dataclass(frozen=True, slots=True)
class BackwardBatch:
    """A batch that is not yet known to be whole."""

    lsn: int
    received: float
    lines: bytes
    commit_line: bytes

    def intact(self) -> bool:
        """Whether it is as it was written."""
        return intact(self.commit_line, self.lines)


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

    def batches(self, before_lsn: int) -> Iterator[BackwardBatch]:
        """Those before a commit, newest first.

        Raises:
            FileNotFoundError: it was removed.
        """
        with self._segment.open() as file:
            places = _walked(file, self.first_lsn, self._last_lsn) or self._read_through()
            stop = bisect_left(places.lsns, before_lsn)
            while stop:
                start = places.stretch_before(stop)
                begin, end = places.begins[start], places.ends[stop - 1]
                file.seek(begin)
                content = file.read(end - begin)
                yield from places.cut(content, start, stop)
                stop = start

    def _read_through(self) -> _Places:
        """Its places, where something in it is no batch."""
        found = _Places()
        for located in SegmentReader(self._segment, passing_over=True):
            commit = located.commit
            if commit.lsn > self._last_lsn:
                break
            end = located.offset + len(located.commit_line) + commit.size
            found.add(commit.lsn, commit.received, located.offset, end)
        return found


def newest_first(folder: Path, *, last_lsn: int | None = None) -> list[BackwardSegment]:
    """The segments of a journal; nothing behind commit `last_lsn` is shown, where one is given."""
    last = sys.maxsize if last_lsn is None else last_lsn
    return [
        BackwardSegment(segment, last_lsn=last)
        for segment in reversed(segments(folder))
        if segment.first_lsn <= last
    ]


class _Places:
    """Where the batches of a segment stand."""

    def __init__(self) -> None:
        self.lsns, self.begins, self.ends = array("Q"), array("Q"), array("Q")
        self.received = array("d")

    def add(self, lsn: int, received: float, begin: int, end: int) -> None:
        self.lsns.append(lsn)
        self.received.append(received)
        self.begins.append(begin)
        self.ends.append(end)

    def stretch_before(self, stop: int) -> int:
        """The first of the batches before the one numbered `stop` that are read together."""
        start = bisect_left(self.begins, max(self.ends[stop - 1] - _STRETCH_BYTES, 0))
        return min(start, stop - 1)

    def cut(self, content: bytes, start: int, stop: int) -> Iterator[BackwardBatch]:
        """The batches of a stretch from their bytes, newest first."""
        base = self.begins[start]
        for number in range(stop - 1, start - 1, -1):
            batch = content[self.begins[number] - base : self.ends[number] - base]
            commit_line, newline, lines = batch.partition(b"\n")
            yield BackwardBatch(self.lsns[number], self.received[number], lines, commit_line + newline)


def _walked(file: BinaryIO, first_lsn: int, last_lsn: int) -> _Places | None:
    """The places that commit lines tell by themselves; None where one of them is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    begin = len(file.readline(MAX_LINE_BYTES))
    places, last = _Places(), first_lsn - 1
    while begin < size and last < last_lsn:
        file.seek(begin)
        line = file.readline(MAX_LINE_BYTES)
        commit = decode_commit(line)
        if commit is None and begin + len(line) == size and line[-1:] != b"\n":
            break  # it is being written
        if commit is None or commit.lsn <= last:
            return None
        end = begin + len(line) + commit.size
        if end > size:
            break
        if commit.lsn <= last_lsn:
            places.add(commit.lsn, commit.received, begin, end)
        begin, last = end, commit.lsn
    return places
