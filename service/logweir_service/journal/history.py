"""What was committed since a moment, read without owning the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from .segment import Located, Segment, SegmentReader, segments


class History:
    """Iterates over the commits received at `since` or later, in epoch seconds; passes over damage.

    It ends at the last whole commit. `read_bytes` of `total_bytes` are behind the last one given.
    """

    def __init__(self, folder: Path, *, since: float) -> None:
        self._since = since
        self._segments = _since(segments(folder), since)
        self.total_bytes = sum(_size(segment) for segment in self._segments)
        self.read_bytes = 0
        self.missing_commits = 0
        """How many are damaged or gone in front of those that were given, as far back as was looked."""
        self.removed_events = 0
        """How many events of those that were given are not there any more."""

    def __iter__(self) -> Iterator[Located]:
        before = newest = 0
        for segment in self._segments:
            size = _size(segment)
            with suppress(FileNotFoundError):  # removed by retention meanwhile
                for located in SegmentReader(segment, passing_over=True):
                    self.read_bytes = before + located.offset + len(located.commit_line) + len(located.lines)
                    if located.commit.received >= self._since:
                        self.missing_commits += located.commit.lsn - newest - 1 if newest else 0
                        self.removed_events += 0 if located.is_complete else located.removed
                        yield located
                    newest = located.commit.lsn
            before += size
            self.read_bytes = before


def _since(known: list[Segment], since: float) -> list[Segment]:
    """The segments that may hold such commits: none that ends where the next one begins too early."""
    kept = []
    for segment, following in zip_longest(known, known[1:]):
        begins = _first_received(following) if following is not None else None
        if begins is None or begins >= since:
            kept.append(segment)
    return kept


def _first_received(segment: Segment) -> float | None:
    with suppress(FileNotFoundError):
        for located in SegmentReader(segment, passing_over=True):
            return located.commit.received
    return None


def _size(segment: Segment) -> int:
    try:
        return segment.text_size()
    except FileNotFoundError:
        return 0
