"""Reading one segment: whole batches in order, up to the first that is not whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from .format import MAX_LINE_BYTES, Commit, decode_commit, decode_header, intact

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal."""

    path: Path
    first_lsn: int

    @classmethod
    def name(cls, first_lsn: int) -> str:
        """The file name of the segment that begins with commit `first_lsn`."""
        return f"{first_lsn:020}.ndjson"


@dataclass(frozen=True, slots=True)
class Located:
    """A batch and where its commit line begins."""

    commit: Commit
    lines: bytes
    offset: int


def segments(folder: Path) -> list[Segment]:
    """The segments of a journal, oldest first."""
    found = (path for path in folder.glob("*.ndjson") if path.stem.isdigit() and len(path.stem) == 20)
    return sorted((Segment(path, int(path.stem)) for path in found), key=lambda segment: segment.first_lsn)


class SegmentReader:
    """Iterates over the whole batches of a segment, from `offset` on where one is given.

    Afterwards `end` is the position behind the last whole batch, and `damage` says what stands there instead
    of another one, or is None at the end of the file.
    """

    def __init__(self, segment: Segment, *, offset: int = 0) -> None:
        self.segment = segment
        self.journal: UUID | None = None
        self.end = offset
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Located]:
        with self.segment.path.open("rb", buffering=_BUFFER_BYTES) as file:
            file.seek(self.end)
            if self.end == 0 and not self._read_header(file):
                return
            expected: int | None = self.segment.first_lsn if self.journal else None
            while line := file.readline(MAX_LINE_BYTES):
                commit = decode_commit(line)
                if commit is None or (expected is not None and commit.lsn != expected):
                    self.damage = "no commit line"
                    return
                lines = file.read(commit.size)
                if not intact(line, lines):
                    self.damage = f"commit {commit.lsn} is torn or damaged"
                    return
                located = Located(commit, lines, self.end)
                self.end += len(line) + len(lines)
                expected = commit.lsn + 1
                yield located

    def _read_header(self, file: BinaryIO) -> bool:
        line = file.readline(MAX_LINE_BYTES)
        header = decode_header(line, path=self.segment.path)
        if header is None or header[1] != self.segment.first_lsn:
            self.damage = "no segment header"
            return False
        self.journal = header[0]
        self.end = len(line)
        return True
