"""Room on the disk: some of it is left to others, and some is held for the next checkpoint."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from logweir_service.disk import Disk
from logweir_service.errors import Refusal, StorageBroken

_MIN_FREE_SHARE: Final = 0.05
_MIN_FREE_BYTES: Final = 1_000_000_000
_BALLAST_SHARE: Final = 0.01
_BALLAST_BYTES: Final = 64 << 20
_BALLAST: Final = "ballast"


class Space:
    """Refuses events before the disk is full, and keeps a ballast file to be given up for a checkpoint.

    None stands for 5 % of the disk but at most 1 GB left free, and 1 % but at most 64 MiB of ballast.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk,
        min_free_bytes: int | None = None,
        ballast_bytes: int | None = None,
    ) -> None:
        total = disk.space(folder)[1]
        self.min_free_bytes = _or_share(min_free_bytes, _MIN_FREE_SHARE * total, _MIN_FREE_BYTES)
        self._ballast_bytes = _or_share(ballast_bytes, _BALLAST_SHARE * total, _BALLAST_BYTES)
        self._ballast = folder / _BALLAST
        self._folder = folder
        self._disk = disk

    @property
    def free_bytes(self) -> int:
        """What can still be written."""
        return self._disk.space(self._folder)[0]

    @property
    def has_ballast(self) -> bool:
        """Whether the ballast is there; a copy of the folder may hold one that takes no room."""
        return 0 < self._ballast_bytes <= ballast_weight(self._folder)

    def require(self) -> None:
        """See to it that there is room for events.

        Raises:
            Refusal: 503, there is less than what has to stay free, or that cannot be told.
            StorageBroken: the folder is gone.
        """
        try:
            free = self.free_bytes
        except FileNotFoundError as fault:
            raise gone(self._folder) from fault
        except OSError as fault:
            message = f"{self._folder}: {fault.strerror}; nothing was stored"
            raise Refusal(503, "storage_error", message, retry_after_seconds=5) from fault
        if free < self.min_free_bytes:
            message = (
                f"{_size(free)} free on {self._folder}, {_size(self.min_free_bytes)} have to stay so "
                "(LOGWEIR_MIN_FREE_BYTES); nothing was stored"
            )
            raise Refusal(503, "disk_full", message, retry_after_seconds=30)

    def drop_ballast(self) -> bool:
        """Give the ballast up; False where there was none."""
        try:
            self._disk.unlink(self._ballast)
        except OSError:
            return False
        return True

    def keep_ballast(self) -> None:
        """Take the ballast up again once there is room for it."""
        if self._ballast_bytes == 0 or self.has_ballast:
            return
        with suppress(OSError):
            if self.free_bytes < self.min_free_bytes + self._ballast_bytes:
                return
            fresh = self._ballast.with_suffix(".tmp")  # a crash leaves no ballast that weighs nothing
            file = self._disk.open(fresh, os.O_WRONLY | os.O_CREAT)
            try:
                self._disk.allocate(file, 0, self._ballast_bytes)
                if _blocks(os.fstat(file)) < self._ballast_bytes:
                    self._ballast_bytes = 0  # the file system reserves nothing, now or later
                    self._disk.unlink(fresh)
                    return
                self._disk.replace(fresh, self._ballast)
            except OSError:
                self._disk.unlink(fresh)
            finally:
                self._disk.close(file)


def ballast_weight(folder: Path) -> int:
    """Bytes that the ballast file of a data folder takes on the disk; 0 where there is none."""
    try:
        return _blocks((folder / _BALLAST).stat())
    except FileNotFoundError:
        return 0


def gone(path: Path) -> StorageBroken:
    """The fault that ends a service whose files were taken away."""
    return StorageBroken(
        f"{path} is gone, or another stands in its place: put it back, or name another folder with --data or "
        "LOGWEIR_DATA, then start the service again"
    )


def _blocks(status: os.stat_result) -> int:
    return status.st_blocks * 512


def _size(count: int) -> str:
    """Bytes in the unit that says them best, cut off, so that what is left never looks like enough."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count // (factor // 10) / 10:g} {unit}"
    return f"{count} bytes"


def _or_share(given: int | None, share: float, most: int) -> int:
    return given if given is not None else min(int(share), most)
