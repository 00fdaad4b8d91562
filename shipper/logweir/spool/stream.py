"""One stream on disk: a locked folder of segments, read in order by the sender.

The folder is made under a hidden name, locked and then renamed, so that nobody can adopt it in between. The
kernel lets go of the lock when the process ends, in whatever way; until then only its owner touches it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import orjson

from logweir.fields import CLOSED, LOST
from logweir.source import Chunk
from logweir.spool.segment import HEADER_BYTES, SUFFIX, NotASegment, Segment

LOCK_NAME: Final = "lock"
_NO_LOCKS_OF_FOLDERS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP})
IDENTITY_NAME: Final = "identity"
"""Written where the stream had to take another identity than its folder's name: the identity, and what is
to be subtracted from the segments' numbers."""
UNBORN: Final = ".new-"
"""How the names of folders begin that are not finished."""

MAX_AGE_SECONDS: Final = 72 * 3600
"""Less than half of what the service remembers a stream for."""

_held: Final[set[int]] = set()
"""Descriptors of the locks that this process has taken, also those that no stream knows yet."""

_CONTROL: Final = b'{"_'
"""How control lines begin, and no event does."""
_LOST_LINE: Final = re.compile(rb'{"%s":{"count":([1-9]\d{0,15})}}\n' % LOST.encode())


class Stream:
    """Lines that wait in `folder`, and the number of the first of them."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.stream = folder.name
        self.segments: list[Segment] = []
        self.next_number = 1
        self.released = 0
        self.finished = False
        """Whether its end is acknowledged."""
        self._shift = 0
        self._lock = lock
        self._added = self._removed = 0
        self._indices = itertools.count(1)
        self._substitute: tuple[Chunk, int] | None = None
        self._ending: deque[Chunk] = deque()

    @classmethod
    def create(cls, parent: Path) -> Stream:
        """A new stream in the folder `parent`, which is made where it is missing. Raises OSError."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = str(uuid4())
        unborn = parent / f"{UNBORN}{name}"
        unborn.mkdir(mode=0o700)
        lock = take_lock(unborn)
        if lock is None:
            raise OSError(f"{unborn}: cannot be locked")
        try:
            unborn.rename(parent / name)
        except OSError:
            release_lock(lock)
            shutil.rmtree(unborn, ignore_errors=True)
            raise
        return cls(parent / name, lock)

    @classmethod
    def adopt(cls, folder: Path) -> Stream | None:
        """The stream of a process that is dead, to be sent and ended; None where it is not to be had."""
        lock = take_lock(folder)
        if lock is None:
            return None
        stream = cls(folder, lock)
        try:
            stream._take_up()
        except OSError:
            stream.close()
            return None
        return stream

    def add_segment(self, size: int, *, mapped: bool) -> Segment:
        """Make the next segment. It belongs to the stream once it is appended to `segments`."""
        path = self.folder / f"{next(self._indices):08}{SUFFIX}"
        segment = Segment.create(path, size, first=0 if self.segments else 1, mapped=mapped)
        self._added += size
        return segment

    def discard(self, segment: Segment) -> None:
        """Remove a segment that was made and is not needed."""
        segment.remove()
        self._removed += segment.size

    def end(self) -> None:
        """Let the stream's end follow, where no segment can tell it."""
        self._ending.append(Chunk.closed())

    def front(self, *, max_lines: int, max_bytes: int) -> list[Chunk]:
        """The lines to send next, in order: at least one where there is any. A stream's end comes alone."""
        if self._substitute is not None:
            return [self._substitute[0]]
        batch: list[Chunk] = []
        lines = size = 0
        for chunk in self._waiting(max_bytes):
            if batch and (chunk.closes or size + chunk.size > max_bytes):
                break
            kept = chunk if lines + chunk.lines <= max_lines else _first_lines(chunk, max_lines - lines)
            if kept is None:
                break
            batch.append(kept)
            lines += kept.lines
            size += kept.size
            if kept is not chunk or kept.closes or lines == max_lines:
                break
        return batch

    def _waiting(self, max_bytes: int) -> Iterator[Chunk]:
        """What waits, in parts of `max_bytes` together; then line by line."""
        left = max_bytes
        for segment in self.segments[:]:
            start, end = segment.acked, segment.end
            while start < end:
                try:
                    data = segment.read(start, left)
                except FileNotFoundError:
                    return
                data = data[: data.rfind(b"\n") + 1] or _one_line(segment.read(start, segment.size))
                if not data:
                    break
                start += len(data)
                left = max(left - len(data), 1)
                yield from _chunks(data)
            if segment is not self.segments[0]:
                segment.park()
        yield from self._ending

    def release(self, batch: Sequence[Chunk]) -> None:
        """Let go of the first lines, which are delivered or given up."""
        for chunk in batch:
            self._retire()  # while `next_number` is that of this chunk
            self.next_number += chunk.numbers
            self.released += chunk.numbers
            if self._ending and chunk is self._ending[0]:
                self._ending.popleft()
            else:
                self._acknowledge(self._substitute[1] if self._substitute else chunk.size)
            self._substitute = None
            self.finished = self.finished or chunk.closes

    def _acknowledge(self, size: int) -> None:
        head = self.segments[0]
        head.acknowledge(head.acked + size)
        self._retire()

    def _retire(self) -> None:
        """Remove segments that are delivered and written no more; the next one first learns its number."""
        while len(self.segments) > 1 and self.segments[0].acked >= self.segments[0].end:
            self.segments[1].first = self._shift + self.next_number
            head = self.segments.pop(0)
            head.remove()
            self._removed += head.size

    def replace(self, batch: Sequence[Chunk], chunks: Sequence[Chunk]) -> None:
        """Put one chunk in the place of another, for as long as this process lives."""
        self._substitute = chunks[0], sum(chunk.size for chunk in batch)

    def open_stream(self) -> None:
        """Take a new identity; what is not acknowledged is numbered anew in it, from 1."""
        self.stream = str(uuid4())
        self._shift += self.next_number - 1
        self.next_number = 1
        name = self.folder / f"{IDENTITY_NAME}.new"
        with contextlib.suppress(OSError):
            name.write_bytes(orjson.dumps({"stream": self.stream, "shift": self._shift}))
            name.replace(self.folder / IDENTITY_NAME)

    def sync(self) -> None:
        """Bring all lines to the disk itself. Raises OSError."""
        new = [segment.sync() for segment in self.segments[:]]
        if any(new):
            _sync_folder(self.folder)
            _sync_folder(self.folder.parent)

    def count(self) -> int:
        """The numbers of the lines that wait, read from the files."""
        return sum(chunk.numbers for chunk in self._waiting(sys.maxsize))

    def is_too_old(self) -> bool:
        """Whether the service may have forgotten what it knows of the stream, and would store twice."""
        written = [segment.path.stat().st_mtime for segment in self.segments]
        return bool(written) and time.time() - max(written) > MAX_AGE_SECONDS

    def has_vanished(self) -> bool:
        """Whether somebody has deleted its folder, or the file that is to be sent next."""
        return not self.folder.is_dir() or not all(head.path.exists() for head in self.segments[:1])

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._ending and all(segment.acked >= segment.end for segment in self.segments[:])

    @property
    def size(self) -> int:
        """Bytes that its files take. One thread counts what is added, another what is removed."""
        return self._added - self._removed

    def close(self) -> None:
        """Let go of the folder, and leave it to whoever adopts it."""
        for segment in self.segments:
            segment.close()
        lock, self._lock = self._lock, -1
        release_lock(lock)

    def remove(self) -> None:
        """Delete the folder, and let go of it."""
        for segment in self.segments:
            segment.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def _take_up(self) -> None:
        """Read what a dead process has left, and end the stream behind it."""
        lost = 0
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                segment = Segment.open(path)
            except NotASegment:
                continue
            segment.cut_damage()
            segment.park()
            self.segments.append(segment)
            self._added += segment.size
            if segment.lost or segment.end > HEADER_BYTES:  # no spare, which says nothing of what was before
                lost = segment.lost
        self._identify()
        if lost:
            self._ending.append(Chunk.lost(lost))
        if not self._is_ended():
            self._ending.append(Chunk.closed())

    def _identify(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = orjson.loads((self.folder / IDENTITY_NAME).read_bytes())
            self.stream, self._shift = str(known["stream"]), int(known["shift"])
        if not self.segments:
            return
        head = self.segments[0]
        delivered = head.read(HEADER_BYTES, head.acked - HEADER_BYTES)
        self.next_number = head.first + sum(chunk.numbers for chunk in _chunks(delivered)) - self._shift
        if not head.first or self.next_number < 1 or b"\0" in delivered:  # a power cut kept it from the disk
            self._shift = self.next_number = 1
            self.open_stream()

    def _is_ended(self) -> bool:
        for segment in reversed(self.segments):
            tail = segment.read(max(HEADER_BYTES, segment.end - 256), 256)
            if tail:
                return tail.splitlines()[-1].startswith(_CONTROL + CLOSED[1:].encode())
        return False


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def take_lock(folder: Path) -> int | None:
    """The descriptor that holds the lock of a folder; None where another process does, or it is gone.

    The folder itself is locked: a file in it may be deleted by whoever tidies old ones up, and its next owner
    would lock another. NFS knows no locks of folders, so there it is a file all the same.
    """
    try:
        return _lock(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as fault:
        if fault.errno not in _NO_LOCKS_OF_FOLDERS:
            return None
    try:
        return _lock(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT)
    except OSError:
        return None


def _lock(path: Path, flags: int) -> int:
    lock = os.open(path, flags | os.O_CLOEXEC, 0o600)
    _held.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino != os.fstat(lock).st_ino:
            raise FileNotFoundError(f"{path} was replaced")
    except OSError:
        release_lock(lock)
        raise
    return lock


def release_lock(lock: int) -> None:
    """Let go of what `take_lock` gave."""
    if lock in _held:
        _held.remove(lock)
        os.close(lock)


def _release_all() -> None:
    """A child that kept them would keep its parent's streams from others for as long as it lives."""
    for lock in tuple(_held):
        release_lock(lock)


os.register_at_fork(after_in_child=_release_all)


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Lines of events in one chunk each as far as they go, and each control line in its own."""
    start = 0
    while start < len(data):
        if data.startswith(_CONTROL, start):
            stop = data.find(b"\n", start) + 1 or len(data)
            yield _control(data[start:stop])
        else:
            stop = data.find(b"\n" + _CONTROL, start) + 1 or len(data)
            part = data[start:stop] if stop - start < len(data) else data
            yield Chunk(part, lines=part.count(b"\n"))
        start = stop


def _control(line: bytes) -> Chunk:
    """What a control line says. One that is damaged takes one number, and the service refuses it."""
    if line == Chunk.closed().data:
        return Chunk.closed()
    lost = _LOST_LINE.fullmatch(line)
    return Chunk.lost(int(lost[1])) if lost else Chunk(line, lines=1)


def _one_line(data: bytes) -> bytes:
    return data[: data.find(b"\n") + 1]


def _first_lines(chunk: Chunk, count: int) -> Chunk | None:
    """Some of the first lines of a chunk, at most `count`, at least one; None for no line."""
    if count < 1 or chunk.control:
        return None
    data = bytes(chunk.data)
    stop = data.rfind(b"\n", 0, len(data) * count // chunk.lines) + 1
    lines = data.count(b"\n", 0, stop)
    if not 0 < lines <= count:
        stop, lines = 0, count
        for _ in range(count):
            stop = data.index(b"\n", stop) + 1
    return Chunk(data[:stop], lines=lines)
