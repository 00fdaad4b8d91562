"""Looks events up by an id in a child process, where there are many or where segments have to be scanned."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from logweir_service.event import StoredEvent
from logweir_service.find import Asked, Catalogue, Page, Stories, read_story_place
from logweir_service.find.index.asked import Partial
from logweir_service.journal import JournalReader


class Job(msgspec.Struct, frozen=True, tag_field="job", tag="story"):
    """What is looked for, and where."""

    journal: UUID
    folder: str
    """The one that holds the segments."""
    index: str
    """The one that holds their sidecars."""
    asked: Asked
    last_lsn: int
    """Nothing behind it is durable yet."""
    deadline: float
    """By the monotonic clock, which is the same for all processes of a machine."""


class _End(msgspec.Struct):
    next: str | None
    partial: Partial | None


_end = msgspec.json.Decoder(_End)


def run(job: Mapping[str, Any]) -> Iterator[bytes]:
    """Do a `Job`, in lines that `read` takes."""
    told = msgspec.convert({key: value for key, value in job.items() if key != "seconds"}, Job)
    reader = JournalReader(Path(told.folder), told.journal, durable=lambda: told.last_lsn)
    # The service has checked its sidecars: reading gigabytes of them again for one look-up takes too long.
    catalogue = Catalogue(told.journal, reader.folder, reader.segments, Path(told.index), check=False)
    stories = Stories(reader, catalogue=catalogue)
    page = stories.read(stories.plan(told.asked), is_late=lambda: time.monotonic() >= told.deadline)
    for event in page.events:
        yield b"%d %d %r %s" % (event.lsn, event.index, event.received, event.line)
    yield msgspec.json.encode(_End(None if page.next is None else str(page.next), page.partial))


def read(lines: list[bytes]) -> Page:
    """What the lines of an answer say."""
    *events, end = lines
    told = _end.decode(end)
    after = None if told.next is None else read_story_place(told.next)
    return Page(tuple(map(_event, events)), after, told.partial)


def _event(line: bytes) -> StoredEvent:
    lsn, index, received, stored = line.split(b" ", 3)
    return StoredEvent(int(lsn), int(index), float(received), stored)
