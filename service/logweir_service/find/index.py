"""Where the correlation ids of the active segment stand; older segments are scanned.

This is told of every batch on the way to its answer, so it costs one set operation a batch: ids are noted per
stretch of the segment, and a look-up reads the stretches that hold the id.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from itertools import zip_longest

_STRETCH_BYTES = 256 << 10
"""What a look-up has to read for a hit."""

_LONGEST_HEADER_BYTES = 256
"""A batch from there on is not the first of its segment."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a segment, from one commit line to before another, or to the end where `end` is None."""

    start: int
    end: int | None


class ActiveIndex:
    """Knows which stretches of the active segment hold events of a correlation id.

    What stands before the first batch that it was told of may hold any: after a start, that is what the
    checkpoint covers.
    Written by one thread; `look_up` may be called by any.
    """

    def __init__(self) -> None:
        self._active: tuple[int, list[tuple[int, set[str] | None]]] = (0, [])

    def note(self, segment_first_lsn: int, offset: int, correlation_ids: Set[str]) -> None:
        """Take note of the batch at `offset`, whose events have these ids."""
        if segment_first_lsn != self._active[0]:
            self._active = (segment_first_lsn, [])
        stretches = self._active[1]
        if not stretches and offset > _LONGEST_HEADER_BYTES:
            stretches.append((0, None))
        start, ids = stretches[-1] if stretches else (0, None)
        if ids is not None and offset - start < _STRETCH_BYTES:
            ids.update(correlation_ids)
        else:
            stretches.append((offset, {*correlation_ids}))

    def look_up(self, correlation_id: str) -> tuple[int, list[Stretch]]:
        """The first commit of the segment that is indexed, and where in it the id occurs."""
        first_lsn, noted = self._active
        stretches = [*noted]
        ends: list[int | None] = [start for start, _ in stretches[1:]]
        return first_lsn, [
            Stretch(start, end)
            for (start, ids), end in zip_longest(stretches, ends)
            if ids is None or correlation_id in ids
        ]
