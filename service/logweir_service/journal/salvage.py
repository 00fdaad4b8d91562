"""Setting a damaged segment aside: the file is kept as it is, and its whole batches take its place."""

from __future__ import annotations

import os
from uuid import UUID

from logweir_service.disk import Disk, write_all

from .format import encode_header
from .segment import Segment, SegmentReader

_CHUNK_BYTES = 8 << 20


def set_aside(disk: Disk, segment: Segment, journal: UUID) -> str:
    """Keep a damaged segment as ``*.corrupt``, put what is whole of it in its place, and say what was done.

    A crash on the way leaves the damaged segment, and both names of it do no harm.
    """
    aside = segment.path.with_suffix(".corrupt")
    aside.unlink(missing_ok=True)
    os.link(segment.path, aside)
    batches = _copy_whole(disk, segment, journal)
    return f"{segment.path} was damaged: {batches} batches of it are whole, the file is kept as {aside.name}"


def _copy_whole(disk: Disk, segment: Segment, journal: UUID) -> int:
    fresh = segment.path.with_suffix(".tmp")
    file = disk.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    batches = waiting_bytes = 0
    waiting = [encode_header(journal, segment.first_lsn)]
    try:
        for located in SegmentReader(segment, passing_over=True):
            waiting += (located.commit_line, located.lines)
            waiting_bytes += len(located.lines)
            batches += 1
            if waiting_bytes >= _CHUNK_BYTES:
                write_all(disk, file, waiting)
                waiting, waiting_bytes = [], 0
        write_all(disk, file, waiting)
        disk.fsync(file)
    finally:
        disk.close(file)
    disk.replace(fresh, segment.path)
    disk.sync_folder(segment.path.parent)
    return batches
