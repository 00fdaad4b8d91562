"""Where the correlation ids of the active segment stand, and of those sealed a moment ago.

This is told of every batch on the way to its answer, so it costs one set operation a batch: ids are noted per
stretch of the segment, and a look-up reads the stretches that hold the id. Older segments have sidecars.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

STRETCH_BYTES: Final = 256 << 10
"""What a look-up has to read for a hit."""

_LONGEST_HEADER_BYTES: Final = 256
"""A batch from there on is not the first of its segment."""

_KEPT: Final = 8
"""Maps of the newest segments; what has no sidecar by then is scanned."""

_Noted = list[tuple[int, set[str] | None]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a segment, from one commit line to before another, or to the end where `end` is None."""

    start: int
    end: int | None


class ActiveIndex:
    """Knows which stretches of the newest segments hold events of a correlation id.

    What stands before the first batch that it was told of may hold any: after a start, that is what the
    checkpoint covers, until `fill` tells of it.
    Written by one thread; `look_up` may be called by any.
    """

    def __init__(self) -> None:
        self._active: tuple[int, _Noted] = (0, [])
        self._maps: dict[int, _Noted] = {}

    def note(self, segment_first_lsn: int, offset: int, correlation_ids: Set[str]) -> None:
        """Take note of the batch at `offset`, whose events have these ids."""
        if segment_first_lsn != self._active[0]:
            self._begin(segment_first_lsn)
        stretches = self._active[1]
        if not stretches and offset > _LONGEST_HEADER_BYTES:
            stretches.append((0, None))
        start, ids = stretches[-1] if stretches else (0, None)
        if ids is not None and offset - start < STRETCH_BYTES:
            ids.update(correlation_ids)
        else:
            stretches.append((offset, {*correlation_ids}))

    def unknown(self) -> tuple[int, int] | None:
        """The active segment, and the place up to which nothing is known of it; None where all is."""
        first_lsn, noted = self._active
        if len(noted) > 1 and noted[0][1] is None:
            return first_lsn, noted[1][0]
        return None

    def fill(self, segment_first_lsn: int, stretches: Sequence[tuple[int, Set[str]]]) -> None:
        """Learn what stands in the `unknown` part of a segment, by where each stretch of it begins."""
        noted = self._maps.get(segment_first_lsn)
        if noted and noted[0][1] is None:
            noted[:1] = [(start, {*ids}) for start, ids in stretches]

    def look_up(self, segment_first_lsn: int, correlation_id: str) -> list[Stretch] | None:
        """Where in a segment the id may occur; None where there is no map of it."""
        noted = self._maps.get(segment_first_lsn)
        if noted is None:
            return None
        stretches = [*noted]
        ends: list[int | None] = [start for start, _ in stretches[1:]]
        return [
            Stretch(start, end)
            for (start, ids), end in zip_longest(stretches, ends)
            if ids is None or correlation_id in ids
        ]

    def _begin(self, segment_first_lsn: int) -> None:
        maps = {**self._maps, segment_first_lsn: list[tuple[int, set[str] | None]]()}
        self._maps = {first_lsn: maps[first_lsn] for first_lsn in sorted(maps)[-_KEPT:]}
        self._active = (segment_first_lsn, maps[segment_first_lsn])
