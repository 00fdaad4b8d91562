"""Segments in their compressed form."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from logweir_service.disk import Disk
from logweir_service.journal import DataFolder
from logweir_service.journal.format import encode_header
from logweir_service.journal.packing import Packing
from logweir_service.journal.segment import Segment, SegmentReader, segments


def pack(segment: Segment, journal: UUID, *, disk: Disk | None = None) -> Path:
    """Put a segment's compressed form in its place, with every line it has."""
    disk = disk or Disk()
    file = disk.open(segment.packed.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    packing = Packing(disk, file, encode_header(journal, segment.first_lsn, generation=1))
    for located in SegmentReader(segment):
        packing.add(located.commit_line, located.lines)
    packing.end()
    disk.close(file)
    segment.path.unlink()
    return segment.packed.path


def pack_sealed(folder: DataFolder) -> list[Path]:
    """Pack all segments but the last."""
    return [pack(segment, folder.identify()) for segment in segments(folder.journal)[:-1]]
