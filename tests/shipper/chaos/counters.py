"""How far every writer of the application came: a number in a mapped file, which outlives any kill."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

_NUMBER: Final = struct.Struct("<Q")


class Counter:
    """The last number that one writer has emitted. It is advanced after `emit` has returned, never before."""

    def __init__(self, folder: Path, writer: str) -> None:
        path = folder / writer
        path.write_bytes(_NUMBER.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _NUMBER.size)

    def advance(self, number: int) -> None:
        """Say that all up to `number` are emitted."""
        _NUMBER.pack_into(self._map, 0, number)


def read_counters(folder: Path) -> dict[str, int]:
    """The last number of each writer."""
    return {
        path.name: _NUMBER.unpack(path.read_bytes())[0] for path in folder.iterdir() if path.stat().st_size
    }
