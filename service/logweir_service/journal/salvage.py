"""Setting a damaged segment aside: the file is kept as it is, and its whole batches take its place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from logweir_service.disk import Disk, write_all

from .format import encode_header
from .segment import Segment, SegmentReader

_CHUNK_BYTES = 8 << 20


def set_aside(disk: Disk, segment: Segment, journal: UUID) -> str:
    """Keep a damaged segment as ``*.corrupt``, put what is whole of it in its place, and say what was done.

    A crash on the way, and any OSError, leaves the damaged segment, and both names of it do no harm. One that
    is damaged again later is kept beside the first.
    """
    aside = _keep(segment)
    batches = copy_whole(disk, segment, journal)
    return f"{segment.path} was damaged: {batches} batches of it are whole, the file is kept as {aside.name}"


def _keep(segment: Segment) -> Path:
    aside, number = segment.path.with_suffix(".corrupt"), 1
    while aside.exists() and not aside.samefile(segment.path):
        number += 1
        aside = segment.path.with_suffix(f".{number}.corrupt")
    with suppress(FileExistsError):
        os.link(segment.path, aside)
    return aside


def copy_whole(disk: Disk, segment: Segment, journal: UUID) -> int:
    """Put a fresh copy of what is whole of a segment in its place, and return how many batches that is.

    Raises:
        OSError: the segment is as it was.
    """
    fresh = segment.path.with_suffix(".tmp")
    file = disk.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        batches = _copy_to(disk, file, segment, journal)
        disk.replace(fresh, segment.path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    disk.sync_folder(segment.path.parent)
    return batches


def _copy_to(disk: Disk, file: int, segment: Segment, journal: UUID) -> int:
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
    return batches
