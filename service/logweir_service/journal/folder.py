"""The data folder: its layout, its owner, its format."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from logweir_service.disk import Disk, replace_durably
from logweir_service.errors import ConfigurationError, FolderLocked, UnknownFormat

from .format import MAX_LINE_BYTES, VERSION, decode_header
from .segment import segments


class _Version(msgspec.Struct):
    """What every version of ``format.json`` says, whatever else it does."""

    format: int


class _Format(_Version):
    journal: UUID


class DataFolder:
    """One service's data: ``LOCK format.json ballast journal/ checkpoints/ dead/ index/``.

    `claim` makes this process its only writer; readers need no claim and stop at the last whole commit.
    """

    def __init__(self, path: Path, *, disk: Disk | None = None) -> None:
        self.path = path
        self.disk = disk or Disk()
        self.journal = path / "journal"
        self.checkpoints = path / "checkpoints"
        self.dead = path / "dead"
        self.index = path / "index"
        self.killed_pid = ""
        """Of the process that had it before, where that ended without releasing it in order."""
        self.restored_format = False
        """Its `format.json` was missing, and was made again from the segments."""
        self._lock: int | None = None

    def claim(self) -> UUID:
        """Create what is missing, lock the folder, and return the identity of its journal.

        Raises:
            FolderLocked: another process has it.
            ConfigurationError: it cannot be written.
            UnknownFormat: another version wrote it; nothing is changed.
        """
        try:
            for folder in (self.path, self.journal, self.checkpoints, self.dead):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._take_lock(self._lock)
            return self._identify()
        except OSError as error:
            raise ConfigurationError(
                f"data folder {self.path} cannot be used: {_what_to_do(error)} "
                "name another with --data or LOGWEIR_DATA"
            ) from None

    def release(self, *, in_order: bool = True) -> None:
        """Let another process claim the folder; one that did not end `in_order` leaves its pid behind."""
        if self._lock is not None:
            if in_order:
                os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def identify(self) -> UUID:
        """The identity of the journal of an existing folder.

        Raises:
            ConfigurationError: no service has ever used this folder.
            PermissionError: this user must not read it.
            UnknownFormat: another version wrote it.
        """
        try:
            text = (self.path / "format.json").read_bytes()
        except PermissionError:
            raise
        except OSError:
            raise ConfigurationError(
                f"{self.path} is no data folder of Logweir: name it with --data or LOGWEIR_DATA"
            ) from None
        return self._known(text)

    def _take_lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self.release(in_order=False)
            raise FolderLocked(
                f"data folder {self.path} is locked by pid {owner}: stop that service or use another --data"
            ) from None
        self.killed_pid = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _identify(self) -> UUID:
        path = self.path / "format.json"
        if path.exists():
            return self._known(path.read_bytes())
        found = self._found()
        self.restored_format = found is not None
        journal = found or uuid4()
        replace_durably(self.disk, path, msgspec.json.encode(_Format(VERSION, journal)) + b"\n")
        return journal

    def _found(self) -> UUID | None:
        """The identity that segments without their folder's format tell."""
        for segment in segments(self.journal):
            with segment.open() as file:
                if header := decode_header(file.readline(MAX_LINE_BYTES), path=segment.path):
                    return header.journal
        return None

    def _known(self, text: bytes) -> UUID:
        path = self.path / "format.json"
        try:
            version = msgspec.json.decode(text, type=_Version).format
            if version == VERSION:
                return msgspec.json.decode(text, type=_Format).journal
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnknownFormat(f"{path} cannot be read ({error}): restore it from a backup") from None
        raise UnknownFormat(
            f"{path} says format {version}, this version reads {VERSION}: run the version that wrote it"
        )


def _what_to_do(error: OSError) -> str:
    """What stands in the way of a folder, and how it is mended; what is named is the very path."""
    match error.errno:
        case errno.EEXIST:
            return f"{error.filename} is there, and is no folder;"
        case errno.ENOTDIR:
            return f"{error.filename} lies below what is no folder;"
        case errno.ENOENT | errno.ELOOP | errno.ENAMETOOLONG:
            return f"{error.filename} cannot be made there ({error.strerror});"
        case errno.EACCES | errno.EPERM:
            return f"{error.strerror}; give this user write access, or"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{error.strerror}; make room, or"
    return f"{error.strerror};"
