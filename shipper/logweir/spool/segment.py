"""One file of a stream: a header of 64 bytes, then lines of JSON as they will be sent.

An event costs its application two stores into a mapped page: first the line, then the mark behind which
nothing is valid. The kernel keeps both when the process is killed, at whatever instruction. The file is
allocated and written with zeros before it is mapped, since a page of a sparse file that finds no room on the
disk ends the process by SIGBUS. Where even that is no promise (network, FUSE, copy on write), lines are
appended with ``write(2)``, which costs half a microsecond more and reports an error instead.

The header is of 8-byte numbers in the machine's order, each of them written with one store:
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from pathlib import Path
from typing import Final

HEADER_BYTES: Final = 64
MAGIC, FIRST, END, ACKED, LOST, LOST_AT = range(6)
"""Format and version; the number of the first line, 0 until the sender knows it; where the whole lines end;
where the delivered ones end; events dropped behind the last line, valid while `LOST_AT` is `END`."""
MAPPED: Final = int.from_bytes(b"logweir1", "big")
APPENDED: Final = int.from_bytes(b"logweirA", "big")
"""`END` is not kept: the lines end with the last newline of the file."""
CONTROL_ROOM: Final = 128
"""Bytes at the end of a mapped file where only a loss and the stream's end may be written."""
SUFFIX: Final = ".ndjson"

_WORD: Final = struct.Struct("=Q")
_HEADER: Final = struct.Struct("=8Q")


class NotASegment(Exception):
    """A file that this version can't read."""


class MappedWriter:
    """Writes lines into a mapped file. One thread at a time."""

    __slots__ = ("limit", "map", "marks", "room")

    fault: OSError | None = None

    def __init__(self, fd: int, size: int) -> None:
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        self.map = mmap.mmap(fd, size, flags=flags)
        self.marks = memoryview(self.map)[:HEADER_BYTES].cast("Q")
        self.room = self.limit = size - CONTROL_ROOM
        """`limit`, at most `room`, is where `append` refuses, so that its caller looks up."""

    def append(self, line: bytes) -> bool:
        """Write a line; False, with nothing changed, where it would end behind `limit`."""
        marks = self.marks
        start = marks[END]
        end = start + len(line)
        if end > self.limit:
            return False
        self.map[start:end] = line
        marks[END] = end
        return True

    def append_control(self, line: bytes) -> None:
        """Write a line where the room for such lines may be used."""
        limit, self.limit = self.limit, self.room + CONTROL_ROOM
        self.append(line)
        self.limit = limit

    @property
    def end(self) -> int:
        """Where the whole lines end. Raises ValueError once closed."""
        return self.marks[END]

    used = end

    def note_lost(self, count: int) -> None:
        """Keep how many events were dropped behind the last line, for whoever adopts the stream."""
        self.marks[LOST] = count
        self.marks[LOST_AT] = self.marks[END]

    def close(self) -> None:
        """Unmap; what is called later raises ValueError."""
        self.marks.release()
        self.map.close()


class AppendingWriter:
    """Writes lines with ``write(2)``, to a file whose offset is at its end."""

    __slots__ = ("_fd", "fault", "limit", "room", "used")

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.used = HEADER_BYTES
        self.room = self.limit = size - CONTROL_ROOM
        self.fault: OSError | None = None

    def append(self, line: bytes) -> bool:
        """Write a line; False behind `limit`, or where the disk refuses, which `fault` tells."""
        if self.used + len(line) > self.limit:
            return False
        try:
            written = os.write(self._fd, line)
            self.used += written
            if written < len(line):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                raise OSError("the disk took only a part of an event")
        except OSError as fault:
            self.fault, self.limit = fault, 0
            return False
        return True

    def append_control(self, line: bytes) -> None:
        """Write a line where the room for such lines may be used."""
        limit, self.limit = self.limit, self.room + CONTROL_ROOM
        self.append(line)
        self.limit = limit if self.fault is None else 0

    @property
    def end(self) -> int:
        """Where the whole lines end. Raises ValueError once closed."""
        if self._fd < 0:
            raise ValueError("closed")
        return _last_newline(self._fd)

    def note_lost(self, count: int) -> None:
        """Keep nothing: a loss is told by the next line."""

    def close(self) -> None:
        """Close the file; what is called later raises."""
        fd, self._fd = self._fd, -1
        os.close(fd)


Writer = MappedWriter | AppendingWriter


class Segment:
    """A segment as the sender sees it: lines to read, to acknowledge, to remove.

    `writer` is there while the application still appends to it, and is all that the application touches. The
    file that is read is opened when it is needed, and `park` closes it: an outage may leave hundreds.
    """

    def __init__(self, path: Path, *, size: int, writer: Writer | None = None) -> None:
        self.path = path
        self.size = size
        self.writer = writer
        self.acked = self._sealed_end = HEADER_BYTES
        self.lost = self._first = self._synced_end = 0
        self._fd = -1

    @classmethod
    def create(cls, path: Path, size: int, *, first: int = 0, mapped: bool) -> Segment:
        """Make a new file of `size` bytes to be written. Raises OSError, and leaves no file then."""
        kind = 0 if mapped else os.O_APPEND
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | kind, 0o600)
        try:
            if mapped:
                os.posix_fallocate(fd, 0, size)
                _write_all(fd, _HEADER.pack(MAPPED, first, HEADER_BYTES, HEADER_BYTES, 0, 0, 0, 0), size)
                writer: Writer = MappedWriter(fd, size)
                os.close(fd)
            else:
                _write_all(fd, _HEADER.pack(APPENDED, first, 0, HEADER_BYTES, 0, 0, 0, 0), HEADER_BYTES)
                writer = AppendingWriter(fd, size)
        except (OSError, ValueError, AttributeError) as fault:  # no posix_fallocate: macOS
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise OSError(str(fault)) from fault
        segment = cls(path, size=size, writer=writer)
        segment._first = first
        return segment

    @classmethod
    def open(cls, path: Path) -> Segment:
        """Take up a file that another process has left. Raises OSError and NotASegment."""
        segment = cls(path, size=path.stat().st_size)
        header = os.pread(segment._file(), HEADER_BYTES, 0)
        if len(header) < HEADER_BYTES or header[:8] not in (_WORD.pack(MAPPED), _WORD.pack(APPENDED)):
            segment.close()
            raise NotASegment(path)
        words = _HEADER.unpack(header)
        appended = words[MAGIC] == APPENDED
        end = _last_newline(segment._file()) if appended else words[END]
        segment._sealed_end = min(max(end, HEADER_BYTES), segment.size)
        segment.acked = min(max(words[ACKED], HEADER_BYTES), segment._sealed_end)
        segment._first = words[FIRST]
        segment.lost = words[LOST] if words[LOST_AT] == words[END] and not appended else 0
        return segment

    @property
    def end(self) -> int:
        """Where the whole lines end."""
        writer = self.writer
        if writer is not None:
            with contextlib.suppress(ValueError, OSError):  # sealed in this moment
                return writer.end
        return self._sealed_end

    def seal(self) -> None:
        """Let nothing more be written."""
        writer = self.writer
        if writer is not None:
            self._sealed_end = writer.end
            self.writer = None
            writer.close()

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes of whole lines and perhaps a part of one, from offset `start`."""
        return os.pread(self._file(), min(count, self.end - start), start)

    def acknowledge(self, offset: int) -> None:
        """All lines before `offset` are delivered."""
        self.acked = offset
        self._store(ACKED, offset)

    @property
    def first(self) -> int:
        """The number of the first line; 0 where it was not known yet."""
        return self._first

    @first.setter
    def first(self, number: int) -> None:
        self._first = number
        self._store(FIRST, number)

    def cut_damage(self) -> None:
        """Leave out what a power cut has left behind the last line that reached the disk whole."""
        data = self.read(self.acked, self.size)
        whole = data.partition(b"\0")[0]
        self._sealed_end = self.acked + whole.rfind(b"\n") + 1

    def sync(self) -> bool:
        """Bring all lines to the disk; whether the file itself is new there."""
        end = self.end
        if end > self._synced_end:
            os.fdatasync(self._file())
        new, self._synced_end = not self._synced_end, end
        return new

    def close(self) -> None:
        """Let go of the file."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()
        self.park()

    def park(self) -> None:
        """Close the file; the next use opens it again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """Let go of the file and delete it."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _file(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        return self._fd

    def _store(self, word: int, value: int) -> None:
        with contextlib.suppress(OSError):  # forgotten, it costs sending again what the service knows
            os.pwrite(self._file(), _WORD.pack(value), word * _WORD.size)


def _write_all(fd: int, header: bytes, size: int) -> None:
    if os.write(fd, header + bytes(size - len(header))) < size:
        raise OSError("no room")


def _last_newline(fd: int) -> int:
    """Behind the last newline of the file."""
    size = os.fstat(fd).st_size
    step = 128 * 1024
    for start in range(max(HEADER_BYTES, size - step), HEADER_BYTES - 1, -step):
        at = os.pread(fd, step, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        if start == HEADER_BYTES:
            break
    return HEADER_BYTES
