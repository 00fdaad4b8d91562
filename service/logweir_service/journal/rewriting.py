"""Writing a sealed segment anew, compressed and without some of its events, and putting that in its place.

A process may end at any step: until the new file has its name the old one is whole and counts, and behind
that the new one; what is left over is removed at the next start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from logweir_service.disk import Disk

from .format import Header
from .packing import Packing
from .segment import Located, Segment, SegmentReader, header_of

_FRESH: Final = ".tmp"

Edit = Callable[[Located], bytes]
"""What is left of a batch's lines, each removed one empty, so that the others keep their places."""


class Damaged(ValueError):
    """The segment is not whole; it is to be set aside first."""


def joined(lines: Sequence[bytes]) -> bytes:
    """Lines of a batch, of which those that were removed are empty; at the end these are left out."""
    count = len(lines)
    while count and not lines[count - 1]:
        count -= 1
    return b"\n".join((*lines[:count], b"")) if count else b""


def rewrite(disk: Disk, segment: Segment, journal: UUID, *, edit: Edit, due: float) -> Path:
    """Write what `edit` leaves of a segment to a file beside it, durably, for `put_in_place`.

    `due` says when to compact it again, in seconds since the epoch.

    Raises:
        Damaged: it is not whole.
        FileNotFoundError: retention has removed it.
        OSError: the file cannot be written; nothing is left of it.
    """
    header = header_of(segment)
    if header is None or header.journal != journal:
        raise Damaged("no segment header of this journal")
    fresh = _fresh(segment)
    file = disk.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        try:
            again = Header(journal, segment.first_lsn, header.generation + 1, due)
            _write(Packing(disk, file, again.encode()), SegmentReader(segment), edit)
        finally:
            disk.close(file)
    except (OSError, Damaged):
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    return fresh


def put_in_place(disk: Disk, segment: Segment, *, sidecar: Path) -> bool:
    """Let the file of `rewrite` take a segment's place; False where retention has removed that meanwhile.

    Raises:
        OSError: one of both is in place, and whole.
    """
    fresh = _fresh(segment)
    plain = segment.path.with_suffix("") if segment.is_packed else segment.path
    packed = segment.packed.path
    if not plain.exists() and not packed.exists():
        fresh.unlink(missing_ok=True)
        return False
    disk.replace(fresh, packed)
    disk.sync_folder(packed.parent)
    for stale in (plain, sidecar):
        if stale.exists():
            disk.unlink(stale)
    return True


def _fresh(segment: Segment) -> Path:
    packed = segment.packed.path
    return packed.with_name(packed.name + _FRESH)


def _write(packing: Packing, reader: SegmentReader, edit: Edit) -> None:
    for located in reader:
        left = edit(located)
        line = located.commit_line if left == located.lines else located.commit.with_lines(left)
        packing.add(line, left)
    if reader.damage is not None:
        raise Damaged(reader.damage)
    packing.end()
