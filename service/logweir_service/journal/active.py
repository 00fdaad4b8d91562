"""The segment that is written to."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from logweir_service.disk import Disk, write_all
from logweir_service.errors import StorageBroken

from .format import encode_header
from .segment import Segment
from .space import gone

ALLOCATE_BYTES: Final = 8 << 20
"""How far ahead blocks are reserved, so that a sync need not find new ones each time."""


class ActiveSegment:
    """An open file whose first `size` bytes are durable batches."""

    def __init__(self, disk: Disk, path: Path, *, first_lsn: int, file: int, size: int) -> None:
        self.first_lsn = first_lsn
        self.size = size
        self.places = array("Q")
        """Where each commit from `places_lsn` on begins, so that a cursor finds its place at once."""
        self.places_lsn = first_lsn
        self._disk = disk
        self._path = path
        self._file = file
        self._status = os.fstat(file)
        self._allocated = size
        self._may_allocate = True

    @classmethod
    def open(cls, disk: Disk, segment: Segment) -> ActiveSegment:
        """Go on with a segment that ends with a whole batch.

        A killed process may have left one that was never synced: it counts from now on, so it is synced.
        """
        file = disk.open(segment.path, os.O_WRONLY | os.O_APPEND)
        disk.fsync(file)
        disk.sync_folder(segment.path.parent)
        size = os.fstat(file).st_size
        return cls(disk, segment.path, first_lsn=segment.first_lsn, file=file, size=size)

    @classmethod
    def create(cls, disk: Disk, folder: Path, *, journal: UUID, first_lsn: int) -> ActiveSegment:
        """Begin a segment, in place of one that never got a commit.

        Raises:
            OSError: the folder is as it was.
        """
        path = folder / Segment.name(first_lsn)
        if path.exists():
            disk.unlink(path)
        file = disk.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        try:
            size = write_all(disk, file, [encode_header(journal, first_lsn)])
            disk.fsync(file)
            disk.sync_folder(folder)
        except OSError:
            disk.close(file)
            disk.unlink(path)
            raise
        return cls(disk, path, first_lsn=first_lsn, file=file, size=size)

    def offset_of(self, lsn: int) -> int | None:
        """Where a commit begins, if that is known."""
        ordinal = lsn - self.places_lsn
        return self.places[ordinal] if 0 <= ordinal < len(self.places) else None

    def write(self, buffers: Sequence[bytes]) -> None:
        """Append and sync.

        Raises:
            OSError: the segment is as it was before.
            StorageBroken: it is unknown what is durable, or the file is gone.
        """
        try:
            written = self._append(buffers)
        except OSError as error:
            self._cut_back(error)
            raise
        try:
            self._disk.fdatasync(self._file)
        except OSError as error:
            self._disown()
            raise StorageBroken(
                f"{self._path}: fdatasync failed ({error.strerror}); "
                "what reached the disk is unknown, so the service stops: check the disk, then start it again"
            ) from error
        self.require_there()  # behind the sync, so that nothing is acknowledged that was taken away before
        self.size += written

    def require_there(self) -> None:
        """See to it that the file still stands in its folder: what is written to a removed one is lost.

        Raises:
            StorageBroken: it does not.
            OSError: that cannot be told.
        """
        try:
            is_there = os.path.samestat(self._path.stat(), self._status)
        except (FileNotFoundError, NotADirectoryError) as fault:
            raise gone(self._path) from fault
        if not is_there:
            raise gone(self._path)

    def seal(self) -> None:
        """Close the file, and give back the blocks that it did not need."""
        if self._allocated > self.size:
            with suppress(OSError):  # it costs some space and nothing else
                self._disk.truncate(self._file, self.size)
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            self._disk.close(self._file)
            self._file = -1

    def _append(self, buffers: Sequence[bytes]) -> int:
        if self._may_allocate and self.size + sum(map(len, buffers)) > self._allocated:
            self._allocate()
        return write_all(self._disk, self._file, buffers)

    def _allocate(self) -> None:
        try:
            self._disk.allocate(self._file, self.size, ALLOCATE_BYTES)
        except OSError:
            self._may_allocate = False  # where there is little space, each write finds out for itself
        self._allocated = self.size + ALLOCATE_BYTES

    def _cut_back(self, cause: OSError) -> None:
        try:
            self._disk.truncate(self._file, self.size)
        except OSError as error:
            raise StorageBroken(
                f"{self._path}: a failed write ({cause.strerror}) could not be undone "
                f"({error.strerror}): check the disk, then start the service again"
            ) from error

    def _disown(self) -> None:
        """Let nobody go on with the file, as far as that can still be done.

        After a failed sync the kernel may show bytes that the disk does not have, and takes them for written:
        none may be counted, and no later sync of this file be believed.
        """
        for step in (self._disk.protect, partial(self._disk.truncate, size=self.size)):
            with suppress(OSError):  # the next start reads what is there
                step(self._file)
