"""Stories that hold an error: by their id, or by the hash that a sidecar knows them by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from logweir_service.find.index.sidecar import Sidecar, id_hash
from logweir_service.journal import Segment, header_of, sidecar_of


class LoudStories:
    """Which stories stay; one of another id with the same hash stays too, once in 10^12."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._hashes: set[int] = set()

    def add(self, correlation_id: str | None) -> None:
        """This one stays."""
        if correlation_id is not None:
            self._ids.add(correlation_id)

    def add_by_sidecar(self, segment: Segment, *, journal: UUID, sidecars: Path) -> bool:
        """Those of a segment stay; False where it has no sidecar that holds.

        Raises:
            FileNotFoundError: retention has removed the segment.
        """
        hashes = _loud(segment, journal=journal, sidecars=sidecars)
        if hashes is None:
            return False
        self._hashes.update(hashes)
        return True

    def __contains__(self, correlation_id: str | None) -> bool:
        if correlation_id is None:
            return False
        return correlation_id in self._ids or (bool(self._hashes) and id_hash(correlation_id) in self._hashes)


def _loud(segment: Segment, *, journal: UUID, sidecars: Path) -> Sequence[int] | None:
    try:
        sidecar = Sidecar(sidecar_of(sidecars, segment.first_lsn))
    except (OSError, ValueError):
        return None
    header = header_of(segment)
    told = sidecar.header
    is_of_it = header is not None and (told.journal, told.first_lsn, told.generation, told.text_bytes) == (
        journal,
        segment.first_lsn,
        header.generation,
        segment.text_size(),
    )
    return sidecar.hashes("error") if is_of_it else None
