"""Looks through the journal in a child process: a line for each event found, and lines that tell how far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from logweir_service.find import Bounds, Found, Looked, Partial, Place, Query, Scan, read_place
from logweir_service.journal import newest_first

_FOUND: Final = b"="
"""Begins a line that holds a place, a space, and the stored line of an event."""


class Job(msgspec.Struct, frozen=True, tag_field="job", tag="scan"):
    """What is looked for, and where."""

    folder: str
    """The one that holds the segments."""
    text: str
    where: str
    since: datetime | None
    until: datetime | None
    before: str | None
    limit: int
    deadline: float
    """By the monotonic clock."""
    last_lsn: int | None
    """Nothing behind it is durable yet."""
    spans: list[tuple[int, float, float]] = []
    """Of segments, by their first commits: when their events were."""


class _Told(msgspec.Struct):
    events: int
    bytes: int
    oldest: float | None
    share: float
    next: str | None
    partial: Partial | None


_told = msgspec.json.Decoder(_Told)


def run(job: Mapping[str, Any]) -> Iterator[bytes]:
    """Do a `Job`, in lines that `read` takes."""
    asked = msgspec.convert({key: value for key, value in job.items() if key != "seconds"}, Job)
    bounds = Bounds(
        since=asked.since,
        until=asked.until,
        before=None if asked.before is None else read_place(asked.before),
        limit=asked.limit,
        deadline=asked.deadline,
    )
    spans = {first_lsn: (oldest, newest) for first_lsn, oldest, newest in asked.spans}
    segments = newest_first(Path(asked.folder), last_lsn=asked.last_lsn)
    for each in Scan(segments, Query(asked.text, where=asked.where), bounds, span=spans.get):
        if isinstance(each, Found):
            yield b"%s%s %s" % (_FOUND, str(each.place).encode(), each.line)
        else:
            place = None if each.next is None else str(each.next)
            told = _Told(each.events, each.bytes, each.oldest, each.share, place, each.partial)
            yield msgspec.json.encode(told)


def read(line: bytes) -> Found | Looked:
    """What a line of the answer says."""
    if line[:1] == _FOUND:
        place, _, stored = line[1:].partition(b" ")
        return Found(read_place(place.decode()), stored)
    told = _told.decode(line)
    place_before: Place | None = None if told.next is None else read_place(told.next)
    return Looked(told.events, told.bytes, told.oldest, told.share, place_before, told.partial)
