"""Reading one segment: its whole batches in order, passing over what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from logweir_service.listing import listed

from .format import MAX_LINE_BYTES, Commit, decode_commit, decode_header, intact

_BUFFER_BYTES = 1 << 20
_COMMIT_BEGINS = b'{"_commit":{"lsn":'


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal."""

    path: Path
    first_lsn: int

    def open(self) -> BinaryIO:
        """The segment's content as it was written, to be read and sought in.

        Raises:
            FileNotFoundError: retention has removed it.
        """
        return self.path.open("rb", buffering=_BUFFER_BYTES)

    @classmethod
    def name(cls, first_lsn: int) -> str:
        """The file name of the segment that begins with commit `first_lsn`."""
        return f"{first_lsn:020}.ndjson"

    @property
    def disowned(self) -> bool:
        """Whether its sync has failed: it is write-protected, as nobody knows what the disk holds of it."""
        return not self.path.stat().st_mode & 0o222


@dataclass(frozen=True, slots=True)
class Located:
    """A batch and where its commit line begins."""

    commit: Commit
    lines: bytes
    offset: int
    commit_line: bytes = b""


def segments(folder: Path) -> list[Segment]:
    """The segments of a journal, oldest first."""
    found = (path for path in listed(folder, "*.ndjson") if path.stem.isdigit() and len(path.stem) == 20)
    return sorted((Segment(path, int(path.stem)) for path in found), key=lambda segment: segment.first_lsn)


class SegmentReader:
    """Iterates over the whole batches of a segment, from `offset` on where one is given.

    It stops in front of what is no whole batch; with `passing_over` it goes on behind that, where another
    whole batch follows. Afterwards `end` is the position behind the last batch given, and `damage` says what
    was found there first that was none, or is None. Numbers of commits rise; where damage was taken out they
    leave a gap.
    """

    def __init__(
        self, segment: Segment, *, offset: int = 0, after_lsn: int = 0, passing_over: bool = False
    ) -> None:
        self.segment = segment
        self.journal: UUID | None = None
        self.end = offset
        self.damage: str | None = None
        self._last_lsn = max(after_lsn, segment.first_lsn - 1)
        self._passing_over = passing_over

    def __iter__(self) -> Iterator[Located]:
        with self.segment.open() as file:
            if not self._read_header(file) and not self._skip(file, 0):
                return
            if self.end:
                file.seek(self.end)
            while True:
                start = file.tell()
                located = self._read(file, start)
                if located is not None:
                    self._last_lsn = located.commit.lsn
                    self.end = file.tell()
                    yield located
                elif self._at_end(file, start) or not self._skip(file, start):
                    return

    def next_intact(self) -> Commit | None:
        """The first whole batch behind `end`, whatever stands between."""
        with self.segment.open() as file:
            return self._find(file, self.end)

    def _read_header(self, file: BinaryIO) -> bool:
        line = file.readline(MAX_LINE_BYTES)
        header = decode_header(line, path=self.segment.path)
        if header is None or header[1] != self.segment.first_lsn:
            self.damage = "no segment header"
            return False
        self.journal = header[0]
        self.end = self.end or len(line)
        return True

    def _read(self, file: BinaryIO, start: int) -> Located | None:
        """The batch whose commit line begins here, if it is one and whole."""
        line = file.readline(MAX_LINE_BYTES)
        commit = decode_commit(line)
        if commit is None or commit.lsn <= self._last_lsn:
            return None
        lines = file.read(commit.size)
        return Located(commit, lines, start, line) if intact(line, lines) else None

    def _at_end(self, file: BinaryIO, start: int) -> bool:
        file.seek(start)
        if not file.read(1):
            return True
        if self.damage is None:
            self.damage = f"no whole batch at byte {start}"
        return False

    def _skip(self, file: BinaryIO, start: int) -> bool:
        """Go to the next whole batch behind a damaged one, if that is wanted and there is one."""
        return self._passing_over and self._find(file, start) is not None

    def _find(self, file: BinaryIO, start: int) -> Commit | None:
        """Look for the next whole batch behind `start`, and leave the file where it begins."""
        file.seek(start)
        file.readline(MAX_LINE_BYTES)
        while line := file.readline(MAX_LINE_BYTES):
            if line.startswith(_COMMIT_BEGINS):
                begin = file.tell() - len(line)
                commit = decode_commit(line)
                if (
                    commit is not None
                    and commit.lsn > self._last_lsn
                    and intact(line, file.read(commit.size))
                ):
                    file.seek(begin)
                    return commit
                file.seek(begin + len(line))
        return None
