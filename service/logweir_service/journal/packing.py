"""Writing a segment in its compressed form."""

from __future__ import annotations

from typing import Final

from logweir_service.disk import Disk, write_all

from .seekable import FRAME_BYTES, FrameWriter

_CHUNK_BYTES: Final = 1 << 20


class Packing:
    """Writes to a file: the header in a frame of its own, frames cut between batches, their table."""

    def __init__(self, disk: Disk, file: int, header: bytes) -> None:
        self._disk, self._file = disk, file
        self._frames = FrameWriter()
        self._waiting = [self._frames.frame(header)]
        self._texts: list[bytes] = []
        self._texts_bytes = 0

    def add(self, commit_line: bytes, lines: bytes) -> None:
        """Put a batch behind the others.

        Raises:
            OSError: the file is of no use any more.
        """
        self._texts += (commit_line, lines)
        self._texts_bytes += len(commit_line) + len(lines)
        if self._texts_bytes >= FRAME_BYTES:
            self._cut()

    def end(self) -> None:
        """Write what is left, and make all of it durable.

        Raises:
            OSError: the file is of no use any more.
        """
        if self._texts:
            self._cut()
        self._waiting.append(self._frames.table())
        self._flush()
        self._disk.fsync(self._file)

    @property
    def text_bytes(self) -> int:
        """Bytes of text so far."""
        return self._frames.size

    def _cut(self) -> None:
        self._waiting.append(self._frames.frame(b"".join(self._texts)))
        self._texts, self._texts_bytes = [], 0
        if sum(map(len, self._waiting)) >= _CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        write_all(self._disk, self._file, self._waiting)
        self._waiting = []
