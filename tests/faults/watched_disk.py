"""A disk that keeps a ledger of what it has promised, and at a named point ends the process or fails."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from logweir_service.disk import Disk

from .ledger import Ledger
from .points import POINTS, Moment, Moments, kind_of


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is to go wrong, and how often."""

    kill_at: str = ""
    """``point:nth``: where the process ends itself; empty for nowhere."""
    failing_writes: float = 0.0
    """How many of the writes to segments fail, having written a part."""
    failing_syncs: float = 0.0
    """How many of the syncs of segments fail."""
    seed: int = 0


class WatchedDisk(Disk):
    """The real calls; those on files below `data` are noted in the ledger."""

    def __init__(self, ledger: Ledger, trouble: Trouble) -> None:
        self._ledger = ledger
        self._trouble = trouble
        self._dice = random.Random(trouble.seed)
        point, _, nth = trouble.kill_at.partition(":")
        self._deadly = POINTS[point] if point else None
        self._point, self._nth = point, int(nth or 1)
        self._seen: Counter[Moments] = Counter()
        self._paths: dict[int, Path] = {}

    def open(self, path: Path, flags: int) -> int:
        if path.exists():
            file = super().open(path, flags)
            self._ledger.note("cut" if flags & os.O_TRUNC else "open", str(path), os.fstat(file).st_size)
        else:
            self._ledger.note("create", str(path))
            file = super().open(path, flags)
            self._reach("create", path, "after")
        self._paths[file] = path
        return file

    def close(self, file: int) -> None:
        self._paths.pop(file, None)
        super().close(file)

    def write(self, file: int, buffers: Sequence[bytes | memoryview]) -> int:
        path = self._paths[file]
        size = os.fstat(file).st_size
        is_new = size == 0 and kind_of(path) == "segment"
        kind = "new segment" if is_new else kind_of(path)
        self._reach("write", path, "before", kind=kind)
        if self._will_reach("write", "half", kind):
            self._write_some(file, buffers, half=True)
            self._end()
        if kind == "segment" and self._dice.random() < self._trouble.failing_writes:
            self._fail_write(file, buffers)
        return super().write(file, buffers)

    def fdatasync(self, file: int) -> None:
        path = self._paths[file]
        size = os.fstat(file).st_size
        self._reach("fdatasync", path, "before")
        if kind_of(path) == "segment" and self._dice.random() < self._trouble.failing_syncs:
            self._ledger.note("failed", "fdatasync")
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().fdatasync(file)
        self._ledger.note("synced", str(path), size)
        self._reach("fdatasync", path, "after")

    def fsync(self, file: int) -> None:
        path = self._paths[file]
        size = os.fstat(file).st_size
        self._reach("fsync", path, "before")
        super().fsync(file)
        self._ledger.note("synced", str(path), size)
        self._reach("fsync", path, "after")

    def truncate(self, file: int, size: int) -> None:
        path = self._paths[file]
        self._reach("truncate", path, "before")
        super().truncate(file, size)
        self._ledger.note("cut", str(path), size)
        self._reach("truncate", path, "after")

    def allocate(self, file: int, offset: int, size: int) -> None:
        super().allocate(file, offset, size)
        self._reach("allocate", self._paths[file], "after")

    def replace(self, old: Path, new: Path) -> None:
        self._reach("replace", new, "before")
        self._ledger.note("rename", str(old), str(new), self._ledger.keep(new))
        super().replace(old, new)
        self._reach("replace", new, "after")

    def unlink(self, path: Path) -> None:
        self._reach("unlink", path, "before")
        self._ledger.note("remove", str(path), self._ledger.keep(path))
        super().unlink(path)
        self._reach("unlink", path, "after")

    def sync_folder(self, path: Path) -> None:
        self._reach("sync_folder", path, "before")
        token = self._ledger.token()
        self._ledger.note("syncing", str(path), token)
        super().sync_folder(path)
        self._ledger.note("folder", token)
        self._reach("sync_folder", path, "after")

    def _reach(self, call: str, path: Path, moment: Moment, *, kind: str = "") -> None:
        if self._will_reach(call, moment, kind or kind_of(path)):
            self._end()

    def _will_reach(self, call: str, moment: Moment, kind: str) -> bool:
        here = Moments(call, kind, moment)
        if here != self._deadly:
            return False
        self._seen[here] += 1
        return self._seen[here] == self._nth

    def _end(self) -> None:
        self._ledger.note("killed", self._point)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    def _fail_write(self, file: int, buffers: Sequence[bytes | memoryview]) -> None:
        """Fail as a full or broken disk does: often only after some of it was written."""
        number = self._dice.choice((errno.EIO, errno.ENOSPC, errno.EFBIG))
        self._ledger.note("failed", f"write: {errno.errorcode[number]}")
        if self._dice.random() < 0.7:
            self._write_some(file, buffers)
        raise OSError(number, os.strerror(number))

    def _write_some(self, file: int, buffers: Sequence[bytes | memoryview], *, half: bool = False) -> None:
        whole = b"".join(buffers)
        os.write(file, whole[: len(whole) // 2 if half else self._dice.randrange(len(whole) + 1)])
