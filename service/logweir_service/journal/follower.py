"""Reading the journal as it grows, without owning it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from logweir_service.event import StoredBatch

from .places import Places
from .segment import Segment, segments

_ALL = (1 << 63) - 1


class Follower:
    """Gives the batches behind any commit, and remembers how far it has walked through the newest segment.

    Who knows which commit is the last durable one hands in `durable`; without it, what is whole counts. Where
    that commit stands (its segment's first commit, its number, its place) can be told by `last`, so that
    nothing before it has to be walked through. One thread at a time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: Callable[[], int] | None = None,
        last: Callable[[], tuple[int, int, int] | None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._durable = durable
        self._last = last
        self._newest: Places | None = None

    def last_lsn(self) -> int:
        """The last commit there is; 0 where there is none."""
        if self._durable is not None:
            last_lsn = self._durable()
            if self._newest is None and (last := self._last()) is not None:
                first_lsn, lsn, place = last
                self._newest = Places(Segment.found(self._folder, first_lsn), begin=(lsn, place))
            return last_lsn
        newest = self._look()
        if newest is None:
            return 0
        for _ in self._walked(newest, _ALL):
            pass
        return newest.last_lsn

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The batches behind a commit, in order; what retention has removed is passed over."""
        last = self.last_lsn()
        for places, file in self._behind(after_lsn, last):
            for batch in places.behind(file, after_lsn):
                if batch.intact():
                    yield StoredBatch(batch.lsn, batch.received, batch.lines)

    def events(self, after_lsn: int, upto_lsn: int) -> Iterator[tuple[int, int]]:
        """How many events came behind a commit and up to another: in parts, each with its last commit."""
        for places, _ in self._behind(after_lsn, upto_lsn):
            yield places.last_lsn, places.events(after_lsn, upto_lsn)

    def _behind(self, after_lsn: int, last: int) -> Iterator[tuple[Places, BinaryIO]]:
        """What holds batches behind a commit and up to another, walked through and opened, oldest first."""
        if after_lsn >= last:
            return
        newest = self._newest
        if newest is not None and after_lsn + 1 >= newest.first_lsn:
            for walked in self._walked(newest, last):
                if newest.last_lsn >= last:
                    yield walked
                    return
        newest = self._look(after_lsn)
        known = segments(self._folder)
        for number, segment in enumerate(known):
            following = known[number + 1].first_lsn if number + 1 < len(known) else _ALL
            if segment.first_lsn > last or following <= after_lsn + 1:
                continue
            is_newest = newest is not None and newest.segment.first_lsn == segment.first_lsn
            places = newest if newest is not None and is_newest else Places(segment)
            yield from self._walked(places, last)

    def _look(self, after_lsn: int = _ALL) -> Places | None:
        """The newest segment, as far as it stands behind a commit.

        Only that is remembered: others may be written anew, and places change.
        """
        known = segments(self._folder)
        if not known:
            return None
        newest, first_lsn = self._newest, known[-1].first_lsn
        is_newest = newest is not None and newest.segment.first_lsn == first_lsn
        if newest is None or not is_newest or max(after_lsn + 1, first_lsn) < newest.first_lsn:
            self._newest = Places(known[-1])
        return self._newest

    def _walked(self, places: Places, last: int) -> Iterator[tuple[Places, BinaryIO]]:
        """The places up to a commit and the file that they are of; nothing where that is gone."""
        try:
            with places.segment.open() as file:
                places.walk(file, last)
                yield places, file
        except FileNotFoundError:
            return
