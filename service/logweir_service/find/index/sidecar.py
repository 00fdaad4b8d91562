"""What a sealed segment holds, beside it in a file: sorted hashes of ids, and where each one's events stand.

``docs/operations.md`` says what that is for. A sidecar holds for one generation of its segment and for its
size, and is read where it lies, by mmap, without a copy. It names candidates: two ids may have one hash, so
whoever reads their lines compares the real ids.

The file: a header, which holds the CRC-32 of all that follows on it; the batches, by commit, moment of
receipt and first block; the blocks, by their place in the segment's text and the index of their first line;
and for each kind of id the sorted hashes, for each of these the first of its postings, and the postings. A
posting is the number of a block and a line in it, so that four bytes name an event, and reading it takes in
no more than its neighbours. Numbers are in the byte order of the machine: a file from one with another is of
no use.
"""

from __future__ import annotations

import mmap
import struct
import sys
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast
from uuid import UUID

from logweir_service.event import StoredEvent

Kind = Literal["correlation_id", "trace_id", "event_id", "user_id", "error"]
"""What events are found by. Under ``error`` stand the events of level error and critical, by their
correlation id; those that have none stand under an empty one."""

KINDS: Final[tuple[Kind, ...]] = ("correlation_id", "trace_id", "event_id", "user_id", "error")

SUFFIX: Final = ".index"

MAX_TEXT_BYTES: Final = (1 << 32) - 1
"""A longer segment has no sidecar: places in it are held in 32 bits."""

SLOT_BITS: Final = 4
LINES_PER_BLOCK: Final = 1 << SLOT_BITS

_MAGIC: Final = 0x31_58_44_49_57_4C  # "LWIDX1", read by a machine of the other byte order as another number
_BEGIN: Final = struct.Struct("=QII")
"""Magic, CRC-32 of all behind it, and nothing, so that what follows stands at a multiple of 8."""
_REST: Final = struct.Struct("=16sQQQqqQII10I")
"""Journal, first commit, generation, bytes of text, oldest and newest event, events, batches, blocks; and for
each kind how many hashes and postings."""

_HASH_BYTES: Final = 8


def name(first_lsn: int) -> str:
    """The file name of the sidecar of the segment that begins with commit `first_lsn`."""
    return f"{first_lsn:020}{SUFFIX}"


def id_hash(value: str) -> int:
    """The 64 bits that stand for an id: BLAKE2b of its UTF-8."""
    return int.from_bytes(id_digest(value), sys.byteorder)


def id_digest(value: str) -> bytes:
    """The bytes of `id_hash`, as this machine holds a number."""
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Header:
    """What a sidecar says of its segment."""

    journal: UUID
    first_lsn: int
    generation: int
    """Of the segment's text: it is counted up each time that the segment is written anew."""
    text_bytes: int
    oldest: int
    """Microseconds since the epoch, as `epoch.microseconds` has them, of the oldest timestamp."""
    newest: int
    events: int
    batches: int
    blocks: int
    counts: tuple[int, ...]
    """For each kind the number of hashes and of postings."""


def encode(header: Header, columns: Sequence[bytes]) -> bytes:
    """A sidecar of what `building` has gathered."""
    told = _REST.pack(
        header.journal.bytes,
        header.first_lsn,
        header.generation,
        header.text_bytes,
        header.oldest,
        header.newest,
        header.events,
        header.batches,
        header.blocks,
        *header.counts,
    )
    body = b"".join((told, *columns))
    return _BEGIN.pack(_MAGIC, zlib.crc32(body), 0) + body


class Sidecar:
    """An opened sidecar; any number of threads may ask it."""

    def __init__(self, path: Path, *, check: bool = True) -> None:
        """Open a file, and check it as a whole unless that was done before.

        Raises:
            FileNotFoundError: it is not there.
            ValueError: it is no whole sidecar.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.size = len(content)
        self.header = _read_header(content, check=check)
        self._columns(content)

    def _columns(self, content: memoryview) -> None:
        """Find the columns, which stand one behind the other."""
        header, at = self.header, _BEGIN.size + _REST.size

        def column(code: Literal["Q", "d", "I"], count: int) -> memoryview:
            nonlocal at
            start, at = at, at + count * struct.calcsize(code)
            return cast("memoryview[int]", content[start:at].cast(code))

        self._lsns = column("Q", header.batches)
        self._received = cast("Sequence[float]", column("d", header.batches))
        self._hashes = {kind: column("Q", header.counts[2 * place]) for place, kind in enumerate(KINDS)}
        self._first_blocks = column("I", header.batches)
        self._offsets = column("I", header.blocks)
        self._indexes = column("I", header.blocks)
        self._starts, self._postings = {}, {}
        for place, kind in enumerate(KINDS):
            hashes, postings = header.counts[2 * place : 2 * place + 2]
            self._starts[kind] = column("I", hashes)
            self._postings[kind] = column("I", postings)
        if at != len(content):
            raise ValueError("its columns do not fill it")

    def look_up(self, kind: Kind, value: str) -> Sequence[int]:
        """The postings of what may be this id's events, in the segment's order."""
        hashes, wanted = self._hashes[kind], id_hash(value)
        place = bisect_left(hashes, wanted)
        if place == len(hashes) or hashes[place] != wanted:
            return ()
        starts, postings = self._starts[kind], self._postings[kind]
        end = starts[place + 1] if place + 1 < len(starts) else len(postings)
        return postings[starts[place] : end]

    def all_of(self, kind: Kind) -> Sequence[int]:
        """The postings of all events that have an id of this kind, in the segment's order."""
        return sorted(self._postings[kind])

    def hashes(self, kind: Kind) -> Sequence[int]:
        """The sorted `id_hash` of all ids of a kind."""
        return self._hashes[kind]

    def read(self, file: BinaryIO, postings: Sequence[int]) -> Iterator[StoredEvent]:
        """The events at these postings, in their order, out of the segment's opened text.

        Lines that were removed, and what does not stand where it should, are left out.
        """
        for block, slots in groupby(postings, key=lambda posting: posting >> SLOT_BITS):
            batch = bisect_right(self._first_blocks, block) - 1
            if batch < 0 or block >= len(self._offsets):
                continue
            lines = self._lines(file, block)
            for slot in (posting & (LINES_PER_BLOCK - 1) for posting in slots):
                if slot < len(lines) and lines[slot]:
                    yield StoredEvent(
                        self._lsns[batch],
                        self._indexes[block] + slot,
                        self._received[batch],
                        lines[slot],
                    )

    def _lines(self, file: BinaryIO, block: int) -> list[bytes]:
        start = self._offsets[block]
        end = self._offsets[block + 1] if block + 1 < len(self._offsets) else self.header.text_bytes
        file.seek(start)
        return file.read(end - start).split(b"\n")[:-1]


def _read_header(content: memoryview, *, check: bool) -> Header:
    """The header of a whole sidecar.

    Raises:
        ValueError: it is none.
    """
    if len(content) < _BEGIN.size + _REST.size:
        raise ValueError("it is too short")
    magic, crc32, _ = _BEGIN.unpack_from(content)
    if magic != _MAGIC:
        raise ValueError("it is no sidecar of this version and machine")
    if check and zlib.crc32(content[_BEGIN.size :]) != crc32:
        raise ValueError("its checksum is wrong")
    journal, first_lsn, generation, text_bytes, oldest, newest, events, batches, blocks, *counts = (
        _REST.unpack_from(content, _BEGIN.size)
    )
    return Header(
        UUID(bytes=journal),
        first_lsn,
        generation,
        text_bytes,
        oldest,
        newest,
        events,
        batches,
        blocks,
        tuple(counts),
    )
