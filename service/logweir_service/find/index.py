"""Where the correlation ids of the active segment stand; older segments are scanned."""

from __future__ import annotations

from collections.abc import Iterable


class ActiveIndex:
    """Maps a correlation id to the batches of the active segment that hold events of it.

    Written by one thread; `look_up` may be called by any.
    """

    def __init__(self) -> None:
        self._active: tuple[int, dict[str, list[int]]] = (0, {})

    def note(self, segment_first_lsn: int, offset: int, correlation_ids: Iterable[str | None]) -> None:
        """Take note of the batch at `offset`, whose events have these ids."""
        if segment_first_lsn != self._active[0]:
            self._active = (segment_first_lsn, {})
        places = self._active[1]
        for correlation_id in {*correlation_ids}:
            if correlation_id is not None:
                places.setdefault(correlation_id, []).append(offset)

    def look_up(self, correlation_id: str) -> tuple[int, list[int]]:
        """The first commit of the segment that is indexed, and the offsets of the id's batches in it."""
        first_lsn, places = self._active
        return first_lsn, [*places.get(correlation_id, ())]
