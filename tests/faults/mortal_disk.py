"""A disk for one process that plays many: the next calls can fail, and a dead process writes nothing more."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from .ledger import Ledger
from .watched_disk import Trouble, WatchedDisk


class MortalDisk(WatchedDisk):
    """Notes in the ledger what is durable, without the time that a real sync takes."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, Trouble())
        self.fails_in = 0
        """After so many more calls one fails; 0 for none."""
        self.dies_in = 0
        """With so many more calls the process ends, before the last of them; 0 for not yet."""
        self.is_dead = False

    def open(self, path: Path, flags: int) -> int:
        self._call(path)
        return super().open(path, flags)

    def write(self, file: int, buffers: Sequence[bytes | memoryview]) -> int:
        try:
            self._call(self._paths[file])
        except OSError:
            if not self.is_dead:
                self._write_some(file, buffers, half=True)
            raise
        return super().write(file, buffers)

    def fdatasync(self, file: int) -> None:
        self._call(self._paths[file])
        self._ledger.note("synced", str(self._paths[file]), os.fstat(file).st_size)

    def fsync(self, file: int) -> None:
        self.fdatasync(file)

    def truncate(self, file: int, size: int) -> None:
        self._call(self._paths[file])
        super().truncate(file, size)

    def replace(self, old: Path, new: Path) -> None:
        self._call(new)
        super().replace(old, new)

    def unlink(self, path: Path) -> None:
        self._call(path)
        super().unlink(path)

    def _call(self, path: Path) -> None:
        if self.dies_in and "cursor" not in path.name:
            self.dies_in -= 1
            self.is_dead = self.dies_in == 0
        if self.is_dead:
            raise OSError(errno.EIO, "this process is dead")
        if self.fails_in and "cursor" not in path.name:  # which another thread saves, when it likes
            self.fails_in -= 1
            if self.fails_in == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
