"""Searching in a running service: one page after the other, until there is enough or no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import urllib3

from logweir_service.errors import LookUpFailed, told_by_system
from logweir_service.event import StoredEvent
from logweir_service.find import MAX_EVENTS, Looked, Partial, Place, read_place

from .ask import expect_ok

_READ_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for."""

    text: str
    where: str
    since: datetime | None
    until: datetime | None
    before: Place | None
    limit: int


class _Progress(msgspec.Struct):
    scanned_events: int
    scanned_bytes: int
    share: float


class _End(msgspec.Struct):
    count: int
    scanned_events: int
    scanned_bytes: int
    next: str | None
    partial: Partial | str | None


class _Line(msgspec.Struct):
    """One that is no event."""

    progress: _Progress | None = msgspec.field(name="_progress", default=None)
    end: _End | None = msgspec.field(name="_end", default=None)


_line = msgspec.json.Decoder(_Line)


def searched(url: str, wanted: Wanted, *, token: str) -> Iterator[StoredEvent | Looked]:
    """What the service finds, newest first, with what was looked at, as `find.Scan` has it.

    Raises:
        LookUpFailed: it cannot be asked, or has failed.
    """
    left = wanted.limit
    while True:
        looked = None
        for each in _page(url, replace(wanted, limit=min(left, MAX_EVENTS)), token=token):
            if isinstance(each, Looked):
                looked = each
            else:
                left -= 1
            yield each
        if looked is None or looked.next is None or looked.partial == "removed" or not left:
            return
        wanted = replace(wanted, before=looked.next)


def _page(url: str, wanted: Wanted, *, token: str) -> Iterator[StoredEvent | Looked]:
    place = f"{url.rstrip('/')}/v1/search"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = urllib3.request(
            "GET",
            place,
            fields=_fields(wanted),
            headers=headers,
            timeout=_READ_SECONDS,
            retries=False,
            preload_content=False,
        )
        with answer:
            if answer.status != 200:
                expect_ok(place, answer)
            yield from _read(place, answer)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise LookUpFailed(f"{place} cannot be asked: {told_by_system(error) or error}") from None


def _fields(wanted: Wanted) -> dict[str, str]:
    fields = {
        "q": wanted.text,
        "where": wanted.where,
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
        "cursor": str(wanted.before) if wanted.before else "",
        "limit": str(wanted.limit),
        "progress": "true",
    }
    return {key: value for key, value in fields.items() if value}


def _read(place: str, answer: urllib3.BaseHTTPResponse) -> Iterator[StoredEvent | Looked]:
    share, events = 0.0, 0
    for line in answer:
        if not line.startswith((b'{"_progress":', b'{"_end":')):
            yield StoredEvent(0, events, 0.0, line.removesuffix(b"\n"))
            events += 1
            continue
        told = _line.decode(line)
        if told.progress is not None:
            share = told.progress.share
            yield Looked(
                told.progress.scanned_events, told.progress.scanned_bytes, None, share, Place.newest()
            )
        elif told.end is not None:
            if told.end.partial == "failed":
                raise LookUpFailed(f"{place} has failed; the service's log says why")
            partial: Partial | None = "removed" if told.end.partial == "removed" else None
            before = None if told.end.next is None else read_place(told.end.next)
            yield Looked(told.end.scanned_events, told.end.scanned_bytes, None, share, before, partial)
            return
    raise LookUpFailed(f"{place} broke off; try again")
