"""Setting a damaged segment aside: the file is kept as it is, and its whole batches take its place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from logweir_service.disk import Disk, write_all

from .format import Header
from .packing import Packing
from .segment import Segment, SegmentReader, header_of

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
    name = segment.path.name if segment.is_packed else segment.path.stem
    aside, number = segment.path.with_name(f"{name}.corrupt"), 1
    while aside.exists() and not aside.samefile(segment.path):
        number += 1
        aside = segment.path.with_name(f"{name}.{number}.corrupt")
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
    header = (header_of(segment) or Header(journal, segment.first_lsn)).encode()
    copying = Packing(disk, file, header) if segment.is_packed else _Plain(disk, file, header)
    batches = 0
    try:
        for located in SegmentReader(segment, passing_over=True):
            copying.add(located.commit_line, located.lines)
            batches += 1
        copying.end()
    finally:
        disk.close(file)
    return batches


class _Plain:
    """Writes a segment to a file as it was written first."""

    def __init__(self, disk: Disk, file: int, header: bytes) -> None:
        self._disk, self._file = disk, file
        self._waiting, self._waiting_bytes = [header], 0

    def add(self, commit_line: bytes, lines: bytes) -> None:
        """Put a batch behind the others."""
        self._waiting += (commit_line, lines)
        self._waiting_bytes += len(lines)
        if self._waiting_bytes >= _CHUNK_BYTES:
            write_all(self._disk, self._file, self._waiting)
            self._waiting, self._waiting_bytes = [], 0

    def end(self) -> None:
        """Write what is left, and make all of it durable."""
        write_all(self._disk, self._file, self._waiting)
        self._disk.fsync(self._file)
