"""Streams that dead processes have left: whoever gets the lock sends them, in order, under their names."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from logweir.spool.stream import UNBORN, Stream, release_lock, take_lock

UNBORN_SECONDS: Final = 3600.0
"""How old a folder must be that was never finished, to be deleted."""


def orphans(folder: Path, *, beside: Collection[Path], most: int) -> Iterator[Stream]:
    """Adopt up to `most` streams of `folder` whose processes are dead, the oldest first."""
    for path in _folders(folder):
        if most <= 0:
            return
        if path.name.startswith(UNBORN):
            _clear(path)
        elif path not in beside and (stream := Stream.adopt(path)) is not None:
            most -= 1
            yield stream


def streams_in(folder: Path) -> list[Path]:
    """The folders of finished streams, the oldest first."""
    return [path for path in _folders(folder) if not path.name.startswith(UNBORN)]


def is_locked(path: Path) -> bool:
    """Whether a process holds the stream in the folder `path`."""
    lock = take_lock(path)
    if lock is not None:
        release_lock(lock)
    return lock is None


def folder_bytes(folder: Path, *, beside: Collection[Path]) -> int:
    """What the streams of other processes take."""
    total = 0
    for path in _folders(folder):
        if path not in beside:
            with contextlib.suppress(OSError), os.scandir(path) as files:
                total += sum(file.stat().st_size for file in files)
    return total


def _folders(folder: Path) -> list[Path]:
    """The streams' folders, in the order of their last change."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found = [(each.stat().st_mtime, Path(each.path)) for each in entries if each.is_dir()]
        return [path for _, path in sorted(found)]
    return []


def _clear(path: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > UNBORN_SECONDS and (lock := take_lock(path)) is not None:
            shutil.rmtree(path, ignore_errors=True)
            release_lock(lock)
