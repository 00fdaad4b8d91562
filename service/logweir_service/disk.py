"""The calls to the file system by which anything becomes durable, and the two ways in which they are used.

They stand in one place so that a test can hand in a `Disk` that fails, forgets what was not synced, or ends
the process between two of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE of linux/falloc.h."""

_MAX_VECTORS: Final = 512
"""Buffers of one writev; the kernel's own limit is 1024."""


class Disk:
    """The calls themselves; each raises OSError as the system does."""

    def open(self, path: Path, flags: int) -> int:
        """A descriptor of a file, which is not inherited by child processes."""
        return os.open(path, flags | os.O_CLOEXEC, 0o644)

    def close(self, file: int) -> None:
        """Give a descriptor back."""
        os.close(file)

    def write(self, file: int, buffers: Sequence[bytes | memoryview]) -> int:
        """Write some of the buffers, in order; returns how many bytes."""
        return os.writev(file, buffers)

    def fdatasync(self, file: int) -> None:
        """Make the content of a file durable."""
        os.fdatasync(file)

    def fsync(self, file: int) -> None:
        """Make the content of a file and all that is known of it durable."""
        os.fsync(file)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file to this size in bytes."""
        os.ftruncate(file, size)

    def protect(self, file: int) -> None:
        """Let nobody open a file for writing any more, as far as its user has no special rights."""
        os.fchmod(file, 0o444)

    def allocate(self, file: int, offset: int, size: int) -> None:
        """Reserve blocks for a file without changing its size, so that no zero bytes show at its end.

        A file system that cannot do it is no fault.
        """
        if _fallocate is None or _fallocate(file, _KEEP_SIZE, offset, size) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise OSError(number, os.strerror(number))

    def replace(self, old: Path, new: Path) -> None:
        """Rename a file, in place of another one if there is one."""
        old.replace(new)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def space(self, path: Path) -> tuple[int, int]:
        """Bytes that this user can still write where `path` lies, and bytes in all."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def write_all(disk: Disk, file: int, buffers: Sequence[bytes]) -> int:
    """Write all buffers, however many calls that takes, and return the number of bytes."""
    total = 0
    for start in range(0, len(buffers), _MAX_VECTORS):
        vectors = buffers[start : start + _MAX_VECTORS]
        size = sum(map(len, vectors))
        written = disk.write(file, vectors)
        if written < size:
            rest = memoryview(b"".join(vectors))[written:]
            while rest:
                rest = rest[disk.write(file, [rest]) :]
        total += size
    return total


def replace_durably(disk: Disk, path: Path, *content: bytes) -> None:
    """Write a file so that after any crash, and any OSError, it holds either its old content or the new."""
    temporary = path.with_name(path.name + ".tmp")
    file = disk.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        try:
            write_all(disk, file, content)
            disk.fsync(file)
        finally:
            disk.close(file)
        disk.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    disk.sync_folder(path.parent)


def _find_fallocate() -> ctypes._FuncPointer | None:
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL(None, use_errno=True).fallocate
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    found.restype = ctypes.c_int
    return found


_fallocate = _find_fallocate()
