"""Text compressed so that it can be read from any place: zstd's seekable format.

A file is a row of zstd frames that each stand for themselves and end with a checksum, and a skippable frame
with the table of their sizes (https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/), so every
tool that knows zstd reads it from the beginning, and this one from anywhere.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAME_BYTES: Final = 256 << 10
"""Of text to a frame: what a look-up has to decompress for a hit, in a fraction of a millisecond."""

LEVEL: Final = 1
"""Level 6 makes files a twelfth smaller, and takes six times as long."""

_MAX_FRAME_BYTES: Final = 128 << 20
"""A larger one was not made here, and is not unpacked: it holds at most a batch more than `FRAME_BYTES`."""

_CACHED_FRAMES: Final = 4
_BUFFER_BYTES: Final = 256 << 10

_SKIPPABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_CHECKSUMS: Final = 0x80
"""The bit of the table's descriptor that says that it holds a checksum of each frame."""
_HEAD: Final = struct.Struct("<II")
_ENTRY: Final = struct.Struct("<II")
_FOOT: Final = struct.Struct("<IBI")

_DAMAGE: Final = b"\0"
"""Stands where text is missing: no line of NDJSON holds it."""


class Frame(NamedTuple):
    """One frame of a file."""

    packed: int
    """Its bytes in the file."""
    size: int
    """Its bytes of text; -1 where that cannot be known."""


class FrameWriter:
    """Makes the frames of a file, and at the end their table."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of text so far."""
        self._frames: list[Frame] = []
        self._options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }

    def frame(self, text: bytes) -> bytes:
        """The next frame."""
        packed = zstd.compress(text, options=self._options)
        self._frames.append(Frame(len(packed), len(text)))
        self.size += len(text)
        return packed

    def table(self) -> bytes:
        """What stands behind the last frame."""
        entries = b"".join(_ENTRY.pack(*frame) for frame in self._frames)
        foot = _FOOT.pack(len(self._frames), 0, _SEEKABLE)
        return _HEAD.pack(_SKIPPABLE, len(entries) + len(foot)) + entries + foot


def open_seekable(path: Path) -> BinaryIO:
    """The text of a file, to be read and sought in by its own places.

    A frame that is damaged reads as zero bytes, and so does one zero byte behind the last frame where the
    file was cut off. Without a table that holds, the frames are found by walking over them.

    Raises:
        OSError: it cannot be opened.
    """
    return cast("BinaryIO", io.BufferedReader(_Frames(path.open("rb", buffering=0)), _BUFFER_BYTES))


def text_size(path: Path) -> int:
    """How many bytes of text a file holds.

    Raises:
        OSError: it cannot be opened.
    """
    with open_seekable(path) as file:
        return file.seek(0, os.SEEK_END)


class _Frames(io.RawIOBase):
    """The text of the frames of a file that it owns."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__()
        self._file = file
        try:
            frames = _table(file)
            self._frames = _walked(file) if frames is None else frames
        except BaseException:
            file.close()
            raise
        self._packed = [*accumulate((frame.packed for frame in self._frames), initial=0)]
        self._starts = [*accumulate((frame.size for frame in self._frames), initial=0)]
        self._texts: dict[int, bytes] = {}
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        super().close()

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("no place is below 0")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read to the end of a frame at most."""
        if self._place >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._place) - 1
        begin = self._place - self._starts[number]
        view = memoryview(buffer).cast("B")
        part = self._text(number)[begin : begin + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _text(self, number: int) -> bytes:
        found = self._texts.get(number)
        if found is None:
            found = self._unpacked(number)
            while len(self._texts) >= _CACHED_FRAMES:
                del self._texts[next(iter(self._texts))]
            self._texts[number] = found
        return found

    def _unpacked(self, number: int) -> bytes:
        size = self._frames[number].size
        packed = _pread(self._file, self._packed[number], self._frames[number].packed)
        text = _text_of(packed, size)
        return _DAMAGE * size if text is None else text


def _pread(file: io.FileIO, place: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, place)


def _text_of(packed: bytes, size: int) -> bytes | None:
    """What a frame holds, or None where it is not whole, or not `size` bytes long."""
    unpacking = zstd.ZstdDecompressor()
    try:
        text = unpacking.decompress(packed, size + 1)
    except (zstd.ZstdError, EOFError):
        return None
    return text if unpacking.eof and len(text) == size and not unpacking.unused_data else None


def _table(file: io.FileIO) -> Sequence[Frame] | None:
    """The frames as the table has them, or None where there is none that fits the file."""
    total = os.fstat(file.fileno()).st_size
    if total < _HEAD.size + _FOOT.size:
        return None
    count, descriptor, magic = _FOOT.unpack(_pread(file, total - _FOOT.size, _FOOT.size))
    entry = _ENTRY.size + (4 if descriptor & _CHECKSUMS else 0)
    length = count * entry + _FOOT.size
    start = total - _HEAD.size - length
    if magic != _SEEKABLE or start < 0:
        return None
    content = _pread(file, start, _HEAD.size + length)
    if _HEAD.unpack_from(content) != (_SKIPPABLE, length):
        return None
    frames = [
        Frame(*_ENTRY.unpack_from(content, _HEAD.size + place)) for place in range(0, count * entry, entry)
    ]
    fits = sum(frame.packed for frame in frames) == start
    return frames if fits and all(0 < frame.size <= _MAX_FRAME_BYTES for frame in frames) else None


def _walked(file: io.FileIO) -> Sequence[Frame]:
    """The frames as they stand one behind the other, and one without content for what is none."""
    frames: list[Frame] = []
    place, content = 0, _pread(file, 0, os.fstat(file.fileno()).st_size)
    while place < len(content):
        frame = _frame_at(memoryview(content)[place:])
        if frame is None:
            break
        frames.append(frame)
        place += frame.packed
    return [*frames, Frame(len(content) - place, len(_DAMAGE))]


def _frame_at(rest: memoryview) -> Frame | None:
    """The frame that this begins with, or None where it begins with no whole one with text."""
    try:
        packed = zstd.get_frame_size(rest)
        size = zstd.get_frame_info(rest).decompressed_size
    except zstd.ZstdError:
        return None
    return Frame(packed, size) if size and size <= _MAX_FRAME_BYTES else None
