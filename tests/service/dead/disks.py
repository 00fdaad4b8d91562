"""Disks that fail, for the store of dead letters."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from logweir_service.disk import Disk


class FailingDisk(Disk):
    """Fails the calls named in `failing`, after the first `spared` of them; a failed write is a short one."""

    def __init__(self, *failing: str, number: int = errno.ENOSPC, spared: int = 0) -> None:
        self.failing = set(failing)
        self.synced: list[str] = []
        self._number = number
        self._spared = spared

    def _may_fail(self, call: str) -> None:
        if call in self.failing:
            if self._spared:
                self._spared -= 1
                return
            raise OSError(self._number, os.strerror(self._number))

    def open(self, path: Path, flags: int) -> int:
        self._may_fail("open")
        return super().open(path, flags)

    def write(self, file: int, buffers: Sequence[bytes | memoryview]) -> int:
        try:
            self._may_fail("write")
        except OSError:
            os.write(file, bytes(buffers[0])[:7])
            raise
        return super().write(file, buffers)

    def fdatasync(self, file: int) -> None:
        self._may_fail("fdatasync")
        super().fdatasync(file)
        self.synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))

    def truncate(self, file: int, size: int) -> None:
        self._may_fail("truncate")
        super().truncate(file, size)

    def unlink(self, path: Path) -> None:
        self._may_fail("unlink")
        super().unlink(path)

    def sync_folder(self, path: Path) -> None:
        self._may_fail("sync_folder")
        super().sync_folder(path)
