"""Reading one segment: its whole batches in order, passing over what is damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from logweir_service.listing import listed

from .format import MAX_LINE_BYTES, Commit, Header, decode_commit, decode_header, intact
from .seekable import open_seekable

PACKED_SUFFIX = ".zst"
_SIDECAR_SUFFIX = ".index"
_BUFFER_BYTES = 1 << 20
_COMMIT_BEGINS = b'{"_commit":{"lsn":'


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal: plain as it was written, or packed since it was compacted."""

    path: Path
    first_lsn: int

    def open(self, *, buffer_bytes: int = _BUFFER_BYTES) -> BinaryIO:
        """The segment's text, to be read and sought in, in whichever form it is by now.

        Of a plain one so many bytes are read at a time.

        Raises:
            FileNotFoundError: retention has removed it.
        """
        if not self.is_packed:
            try:
                return self.path.open("rb", buffering=buffer_bytes)
            except FileNotFoundError:  # compacted since it was listed, or gone
                return open_seekable(self.packed.path)
        return open_seekable(self.path)

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed."""
        return self.path.suffix == PACKED_SUFFIX

    @property
    def packed(self) -> Segment:
        """The segment in its compressed form, whether that is there or not."""
        return self if self.is_packed else replace(self, path=Path(f"{self.path}{PACKED_SUFFIX}"))

    def text_size(self) -> int:
        """Bytes of its text, which are more than those of its file where it is packed.

        Raises:
            FileNotFoundError: retention has removed it.
        """
        with self.open() as file:
            return file.seek(0, os.SEEK_END)

    @classmethod
    def name(cls, first_lsn: int) -> str:
        """The file name of the segment that begins with commit `first_lsn`, while it is plain."""
        return f"{first_lsn:020}.ndjson"

    @classmethod
    def found(cls, folder: Path, first_lsn: int) -> Segment:
        """The segment that begins with commit `first_lsn`; `open` says whether there is one."""
        plain = cls(folder / cls.name(first_lsn), first_lsn)
        return plain.packed if plain.packed.path.exists() else plain

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

    @property
    def is_complete(self) -> bool:
        """Whether all events that were accepted with it are still there."""
        lines = self.lines
        return lines.count(b"\n") == self.commit.count and b"\n\n" not in lines and lines[:1] != b"\n"

    @property
    def removed(self) -> int:
        """How many of them are not there any more."""
        return self.commit.count - sum(map(bool, self.lines.split(b"\n")))


def segments(folder: Path) -> list[Segment]:
    """The segments of a journal, oldest first; of one that is there in both forms, the packed one."""
    plain = _by_number(folder, ".ndjson")
    packed = _by_number(folder, f".ndjson{PACKED_SUFFIX}")
    found = {**plain, **packed}
    return [Segment(found[first_lsn], first_lsn) for first_lsn in sorted(found)]


def header_of(segment: Segment) -> Header | None:
    """What a segment's header says; None where it has no whole one.

    Raises:
        FileNotFoundError: retention has removed it.
        UnknownFormat: another version wrote it.
    """
    with segment.open() as file:
        header = decode_header(file.readline(MAX_LINE_BYTES), path=segment.path)
    return header if header and header.first_lsn == segment.first_lsn else None


def sidecar_of(folder: Path, first_lsn: int) -> Path:
    """Where the index of a segment stands, if there is one."""
    return folder / f"{first_lsn:020}{_SIDECAR_SUFFIX}"


def leftovers(folder: Path, *, sidecars: Path) -> list[Path]:
    """What a crash has left of removing segments, and of writing them anew.

    Those are unfinished files, plain ones that are packed, and indexes without their segment.
    """
    packed = _by_number(folder, f".ndjson{PACKED_SUFFIX}")
    plain = _by_number(folder, ".ndjson")
    indexes = _by_number(sidecars, _SIDECAR_SUFFIX)
    return [
        *listed(folder, "*.tmp"),
        *listed(sidecars, "*.tmp"),
        *(plain[first_lsn] for first_lsn in plain.keys() & packed.keys()),
        *(indexes[first_lsn] for first_lsn in indexes.keys() - plain.keys() - packed.keys()),
    ]


def _by_number(folder: Path, suffix: str) -> dict[int, Path]:
    found = {}
    for path in listed(folder, f"*{suffix}"):
        number = path.name.removesuffix(suffix)
        if number.isdigit() and len(number) == 20:
            found[int(number)] = path
    return found


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
        self.generation = 0
        """How often the segment was written anew: places in it hold for one generation."""
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
        self.generation = header[2]
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
