"""Checkpoints: files that hold everything a restart would else have to read the whole journal for.

A checkpoint is one line that names it and guards it, and a body in JSON::

    {"_checkpoint":{"format":1,"journal":UUID,"lsn":N,"written":"...","bytes":N,"crc32":N}}
    {...}

`crc32` runs over the body and is then continued over the first line up to itself, as in commit lines. It is
written under another name, synced and renamed; two are kept, since a disk may lose one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from logweir_service.disk import Disk, replace_durably
from logweir_service.errors import UnknownFormat
from logweir_service.event import rfc3339
from logweir_service.listing import listed

from .format import MAX_LINE_BYTES, crc32, intact

FORMAT: Final = 1
KEPT: Final = 2
_SUFFIX: Final = ".checkpoint"
_NAME: Final = re.compile(r"0\d{19}", re.ASCII)
"""A commit's number in 20 digits; none that was ever given has as many."""


class _Fields(msgspec.Struct):
    format: int
    journal: UUID
    lsn: int
    written: datetime
    bytes: int
    crc32: int


class _FirstLine(msgspec.Struct):
    checkpoint: _Fields = msgspec.field(name="_checkpoint")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of one checkpoint."""

    lsn: int
    """The newest commit that it covers."""
    written: float
    """When, in seconds since the epoch."""
    body: bytes


class Checkpoints:
    """The checkpoints in a folder; one owner writes, any process may read."""

    def __init__(self, folder: Path, *, journal: UUID, disk: Disk | None = None) -> None:
        self._folder = folder
        self._journal = journal
        self._disk = disk or Disk()
        self.damaged: list[str] = []
        """One line for each that could not be used, filled by `newest_first`."""
        self.not_alone: list[str] = []
        """One line for each that the last `save` was to remove and could not, where it was to be alone."""
        self.newest_lsn = 0
        """The newest commit that one covers, also one that is damaged; found by `newest_first`."""

    def newest_first(self) -> Iterator[Checkpoint]:
        """The checkpoints that are whole, from the newest on.

        Raises:
            UnknownFormat: a newer version wrote one.
        """
        for path in reversed(self.paths()):
            found = self._read(path)
            if found is not None:
                self.newest_lsn = max(self.newest_lsn, found.lsn)
                yield found

    def paths(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(path for path in listed(self._folder, f"*{_SUFFIX}") if _NAME.fullmatch(path.stem))

    def save(self, checkpoint: Checkpoint, *, alone: bool = False) -> int:
        """Write it, remove those beyond the `KEPT` newest, and return its size in bytes.

        `alone` removes all others, for one that cannot be reached by reading on from an earlier one;
        `not_alone` has those that withstood. They would be used if this one were found damaged.

        Raises:
            OSError: the checkpoints are as they were.
        """
        head = (
            f'{{"_checkpoint":{{"format":{FORMAT},"journal":"{self._journal}","lsn":{checkpoint.lsn},'
            f'"written":"{rfc3339(checkpoint.written)}","bytes":{len(checkpoint.body)}'
        ).encode()
        line = b'%s,"crc32":%d}}\n' % (head, crc32(head, crc32(checkpoint.body)))
        path = self._folder / f"{checkpoint.lsn:020}{_SUFFIX}"
        replace_durably(self._disk, path, line, checkpoint.body)
        self.not_alone = []
        for other in self._beyond(path, kept=1 if alone else KEPT):
            try:
                self._disk.unlink(other)
            except FileNotFoundError:
                pass
            except OSError as fault:  # one too many is removed the next time
                if alone:
                    self.not_alone.append(f"{other} cannot be removed: {fault.strerror}")
        return len(line) + len(checkpoint.body)

    def may_hold(self, lsn: int, body: bytes) -> bool:
        """Whether the checkpoint of commit `lsn` seems to be this one, though it may not be durable."""
        try:
            return (self._folder / f"{lsn:020}{_SUFFIX}").read_bytes().endswith(body)
        except FileNotFoundError:
            return False
        except OSError:
            return True

    @property
    def oldest_lsn(self) -> int:
        """The newest commit that even the oldest checkpoint covers; 0 where there is none."""
        paths = self.paths()
        return int(paths[0].stem) if paths else 0

    def clean(self) -> None:
        """Remove what a crash has left half written."""
        for path in listed(self._folder, f"*{_SUFFIX}.tmp"):
            self._disk.unlink(path)

    def _beyond(self, newest: Path, *, kept: int) -> list[Path]:
        """Those to remove beside the newest; what claims to be newer could not be used."""
        paths = self.paths()
        older = [path for path in paths if path < newest]
        return [*older[: len(older) - kept + 1], *(path for path in paths if path > newest)]

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            with path.open("rb") as file:
                line = file.readline(MAX_LINE_BYTES)
                body = file.read()
        except OSError as error:
            self._note(path, f"{path} cannot be read: {error.strerror}")
            return None
        if not intact(line, body):
            self._note(path, f"{path} is damaged: its checksum does not hold")
            return None
        try:
            fields = msgspec.json.decode(line, type=_FirstLine).checkpoint
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnknownFormat(
                f"{path} cannot be read, though it is whole: run the version that wrote it"
            ) from None
        if fields.format != FORMAT:
            raise UnknownFormat(
                f"{path} has format {fields.format}, "
                f"this version reads {FORMAT}: run the version that wrote it"
            )
        if fields.journal != self._journal:
            self.damaged.append(f"{path} belongs to another journal")
            return None
        return Checkpoint(fields.lsn, fields.written.timestamp(), body)

    def _note(self, path: Path, damage: str) -> None:
        """Note a damaged one: its name alone is to be believed."""
        self.damaged.append(damage)
        self.newest_lsn = max(self.newest_lsn, int(path.stem))
