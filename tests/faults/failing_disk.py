"""A disk of which the Nth call fails, once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from logweir_service.disk import Disk


class Fault(NamedTuple):
    """How a call fails."""

    error: int = 0
    """The number of the error; 0 for a write that is merely short."""
    written: float = 0.0
    """How much of its bytes a write has written by then."""
    of: tuple[str, ...] = ("write",)
    """Which calls are counted; empty for all."""


class FailingDisk(Disk):
    """Counts its calls; the one with the number `failing` fails.

    Syncs cost nothing here: the process is never killed.
    """

    def __init__(self, fault: Fault | None = None, *, failing: int = 0) -> None:
        self.failed = ""
        """The call that failed."""
        self._fault = fault or Fault()
        self._left = failing

    def open(self, path: Path, flags: int) -> int:
        self._call("open")
        return super().open(path, flags)

    def write(self, file: int, buffers: Sequence[bytes | memoryview]) -> int:
        if self._comes("write"):
            whole = b"".join(buffers)
            written = os.write(file, whole[: int(self._fault.written * len(whole))])
            self._raise()
            return written
        return super().write(file, buffers)

    def fdatasync(self, file: int) -> None:
        self._call("fdatasync")

    def fsync(self, file: int) -> None:
        self._call("fsync")

    def truncate(self, file: int, size: int) -> None:
        self._call("truncate")
        super().truncate(file, size)

    def allocate(self, file: int, offset: int, size: int) -> None:
        self._call("allocate")
        super().allocate(file, offset, size)

    def replace(self, old: Path, new: Path) -> None:
        self._call("replace")
        super().replace(old, new)

    def unlink(self, path: Path) -> None:
        self._call("unlink")
        super().unlink(path)

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder")

    def _call(self, name: str) -> None:
        if self._comes(name):
            self._raise()

    def _comes(self, name: str) -> bool:
        self._left -= not self._fault.of or name in self._fault.of
        if self._left == 0 and not self.failed:
            self.failed = name
            return True
        return False

    def _raise(self) -> None:
        if self._fault.error:
            raise OSError(self._fault.error, os.strerror(self._fault.error))
