"""How a segment is written: ``docs/journal-format.md`` says it for readers with other tools.

A segment is NDJSON. Its first line is a header; before each batch's lines stands a commit line that says how
many lines and bytes follow. A reader skips by that length, so no event can be taken for a commit line.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from logweir_service.errors import UnknownFormat
from logweir_service.event import rfc3339

VERSION = 1

MAX_LINE_BYTES = 4096
"""No header and no commit line is longer."""

_CRC_KEY = b',"crc32":'
_NO_STREAM = 'null,"seq":null,"next_seq":null'


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """The numbers that a body takes in its sender's stream."""

    stream: str
    seq: int
    """The number of the first event of the body, as its sender said."""
    next_seq: int
    """The number that the stream goes on with; rejected and lost events have taken theirs."""
    body_crc32: int
    """CRC-32 of the body as it came, which tells a retry from a cloned identity."""
    closed: bool = False
    """The sender has ended the stream."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit line says."""

    lsn: int
    """Number of the commit, from 1 on, without gaps."""
    received: float
    """When the service made it, in seconds since the epoch."""
    count: int
    """Lines stored when it was made; some may have been removed since."""
    size: int
    """Bytes of the lines that are there, newlines included."""
    position: StreamPosition | None = None
    """Its place in the sender's stream, where the sender has one."""
    group: int = 0
    """Number of the first commit of the group that was made durable with it; 0 where it is that one."""
    service: str = ""
    """The service that sent it, where all of its events are of one."""
    lost: int = 0
    """How many of the numbers it takes stand for events that the sender says it dropped."""

    @property
    def group_first_lsn(self) -> int:
        """Number of the first commit of its group."""
        return self.group or self.lsn

    def with_lines(self, lines: bytes) -> bytes:
        """The commit line that stands before what is left of its lines; it still says how many there were."""
        return replace(self, size=len(lines)).encode(lines_crc32=crc32(lines))

    def encode(self, *, lines_crc32: int) -> bytes:
        """The commit line that stands before the lines with this checksum."""
        at = self.position
        numbers = f'"{at.stream}","seq":{at.seq},"next_seq":{at.next_seq}' if at else _NO_STREAM
        body = f',"body_crc32":{at.body_crc32}' if at else ""
        closed = ',"closed":true' if at and at.closed else ""
        group = f',"group":{self.group}' if self.group else ""
        service = f',"service":"{self.service}"' if self.service else ""
        lost = f',"lost":{self.lost}' if self.lost else ""
        before_crc = (
            f'{{"_commit":{{"lsn":{self.lsn},"stream":{numbers},"count":{self.count},"bytes":{self.size}'
            f',"received":"{rfc3339(self.received)}"{body}{closed}{group}{service}{lost}'
        ).encode()
        return b"%s%s%d}}\n" % (before_crc, _CRC_KEY, crc32(before_crc, lines_crc32))


class _CommitFields(msgspec.Struct):
    lsn: int
    stream: str | None
    seq: int | None
    next_seq: int | None
    count: int
    bytes: int
    received: datetime
    crc32: int
    body_crc32: int | None = None
    closed: bool = False
    group: int = 0
    service: str = ""
    lost: int = 0


class _CommitLine(msgspec.Struct):
    commit: _CommitFields = msgspec.field(name="_commit")


class _SegmentFields(msgspec.Struct):
    format: int
    journal: UUID
    first_lsn: int
    generation: int = 0
    due: datetime | None = None


class _SegmentLine(msgspec.Struct):
    segment: _SegmentFields = msgspec.field(name="_segment")


_commit_line = msgspec.json.Decoder(_CommitLine)
_segment_line = msgspec.json.Decoder(_SegmentLine)


def decode_commit(line: bytes) -> Commit | None:
    """The commit that a line states, or None where it is no whole commit line."""
    try:
        fields = _commit_line.decode(line).commit
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not line.endswith(b"}}\n") or fields.count < 0 or fields.bytes < 0 or fields.received.tzinfo is None:
        return None
    return Commit(
        lsn=fields.lsn,
        received=fields.received.timestamp(),
        count=fields.count,
        size=fields.bytes,
        position=_position(fields),
        group=fields.group,
        service=fields.service,
        lost=fields.lost,
    )


def intact(commit_line: bytes, lines: bytes) -> bool:
    """Whether the CRC of the commit line holds for it and for the lines behind it."""
    before_crc, key, rest = commit_line.rpartition(_CRC_KEY)
    return bool(key) and rest == b"%d}}\n" % crc32(before_crc, crc32(lines))


class Header(NamedTuple):
    """What the first line of a segment says."""

    journal: UUID
    first_lsn: int
    generation: int = 0
    """How often the segment was written anew."""
    due: float = 0.0
    """When more of it can go by the rules of what is kept, in seconds since the epoch: 0 where they were
    never applied, infinite where they have nothing more to remove."""

    def encode(self) -> bytes:
        """The line itself."""
        again = f',"generation":{self.generation}' if self.generation else ""
        due = f',"due":"{rfc3339(self.due)}"' if self.generation and math.isfinite(self.due) else ""
        told = f'"format":{VERSION},"journal":"{self.journal}","first_lsn":{self.first_lsn}{again}{due}'
        return f'{{"_segment":{{{told}}}}}\n'.encode()


def encode_header(journal: UUID, first_lsn: int, *, generation: int = 0) -> bytes:
    """The first line of a segment of which nothing is due."""
    return Header(journal, first_lsn, generation, math.inf).encode()


def decode_header(line: bytes, *, path: object) -> Header | None:
    """What the first line of a segment says, or None where it is no whole header.

    Raises:
        UnknownFormat: where the segment was written by another version.
    """
    try:
        fields = _segment_line.decode(line).segment
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if fields.format != VERSION:
        raise UnknownFormat(
            f"{path} has journal format {fields.format}, "
            f"this version reads {VERSION}: run the version that wrote it"
        )
    if not line.endswith(b"\n"):
        return None
    due = fields.due.timestamp() if fields.due else math.inf if fields.generation else 0.0
    return Header(fields.journal, fields.first_lsn, fields.generation, due)


def crc32(data: bytes, start: int = 0) -> int:
    """The checksum of commit lines: CRC-32 of ISO 3309, as in zlib and gzip, continued from `start`."""
    return zlib.crc32(data, start)


def _position(fields: _CommitFields) -> StreamPosition | None:
    if fields.stream is None or fields.seq is None or fields.next_seq is None or fields.body_crc32 is None:
        return None
    return StreamPosition(fields.stream, fields.seq, fields.next_seq, fields.body_crc32, fields.closed)
