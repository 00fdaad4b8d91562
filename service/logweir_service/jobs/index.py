"""Looks through one segment for its ids: for the sidecar of a sealed one, or the map of the active one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from logweir_service.disk import Disk, write_all
from logweir_service.event import StoredBatch
from logweir_service.find.index.active import STRETCH_BYTES
from logweir_service.find.index.building import PlacedBatch, build
from logweir_service.find.index.ids import read_ids
from logweir_service.journal.segment import Located, Segment, SegmentReader

_NOT_YET: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Job(msgspec.Struct, frozen=True, tag_field="job", tag="index"):
    """Which segment, and what is wanted of it."""

    folder: str
    """The one that holds the segments."""
    first_lsn: int
    sidecar: str | None = None
    """Where to write a sidecar, under a name that nobody reads yet."""
    upto: int = 0
    """Where no sidecar is wanted: the place up to which ids are told, stretch by stretch."""


class Built(msgspec.Struct, frozen=True):
    """A sidecar that was written."""

    events: int
    bytes: int


class Stretch(msgspec.Struct, frozen=True):
    """Where a stretch begins, and the correlation ids in it."""

    start: int
    ids: list[str]


def run(job: Mapping[str, Any]) -> Iterator[bytes]:
    """Do a `Job`; the answer is one `Built`, or each `Stretch`.

    Raises:
        OSError: the segment could not be read or the sidecar not be written.
        ValueError: the segment can have none.
    """
    asked = msgspec.convert({key: value for key, value in job.items() if key != "seconds"}, Job)
    segment = Segment.found(Path(asked.folder), asked.first_lsn)
    if asked.sidecar is None:
        yield from map(msgspec.json.encode, _stretches(segment, asked.upto))
    else:
        yield msgspec.json.encode(write_sidecar(segment, Path(asked.sidecar)))


def write_sidecar(segment: Segment, path: Path, *, disk: Disk | None = None) -> Built:
    """Build the sidecar of a sealed segment, and make it durable.

    Raises:
        OSError: the segment could not be read or the sidecar not be written.
        ValueError: the segment is damaged at its begin or too long, and can have none.
    """
    disk = disk or Disk()
    reader = SegmentReader(segment, passing_over=True)
    with segment.open() as file:
        size = file.seek(0, os.SEEK_END)
    events = 0

    def batches() -> Iterator[PlacedBatch]:
        nonlocal events
        for located in reader:
            events += located.commit.count
            yield PlacedBatch(_batch(located), located.offset + len(located.commit_line))

    placed = batches()
    first = next(placed, None)  # which makes the reader know the header
    if reader.journal is None:
        raise ValueError(f"{segment.path} has no header")
    content = build(
        _with_first(first, placed),
        journal=reader.journal,
        first_lsn=segment.first_lsn,
        generation=reader.generation,
        text_bytes=size,
    )
    file_number = disk.open(path, _NOT_YET)
    try:
        write_all(disk, file_number, [content])
        disk.fsync(file_number)
    finally:
        disk.close(file_number)
    return Built(events, len(content))


def _with_first(first: PlacedBatch | None, rest: Iterator[PlacedBatch]) -> Iterator[PlacedBatch]:
    if first is not None:
        yield first
    yield from rest


def _stretches(segment: Segment, upto: int) -> Iterator[Stretch]:
    """The ids of what stands before a place."""
    start, ids = 0, set[str]()
    for located in SegmentReader(segment, passing_over=True):
        if located.offset >= upto:
            break
        if located.offset - start >= STRETCH_BYTES:
            yield Stretch(start, sorted(ids))
            start, ids = located.offset, set()
        for event in _batch(located).events():
            found = read_ids(event.line, event.received).correlation_id
            if found is not None:
                ids.add(found)
    yield Stretch(start, sorted(ids))


def _batch(located: Located) -> StoredBatch:
    return StoredBatch(located.commit.lsn, located.commit.received, located.lines)
