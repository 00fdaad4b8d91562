"""Looking up a story in a folder or in a running service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Final, NamedTuple

import msgspec

from logweir_service.event import StoredEvent
from logweir_service.find import Asked, Catalogue, IdKind, Stories, microseconds
from logweir_service.journal import DataFolder, JournalReader

from .ask import ask

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events."""

    id: str
    kind: IdKind
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


class LookedUp(NamedTuple):
    """What was found, in the order in which it happened, and why there may be more."""

    events: Sequence[StoredEvent]
    has_more: bool = False
    partial: str | None = None


LookUp = Callable[[Wanted], LookedUp]


def in_folder(folder: DataFolder) -> LookUp:
    """Looks in a folder, also beside the service that writes to it."""
    reader = JournalReader(folder.journal, folder.identify())
    catalogue = Catalogue(reader.identifier, reader.folder, reader.segments, folder.index)
    stories = Stories(reader, catalogue=catalogue)

    def look_up(wanted: Wanted) -> LookedUp:
        since, until = (None if at is None else microseconds(at) for at in (wanted.since, wanted.until))
        page = stories.read(
            stories.plan(Asked(wanted.id, wanted.kind, since=since, until=until, limit=wanted.limit))
        )
        return LookedUp(page.events, page.next is not None, page.partial)

    return look_up


class _Answer(msgspec.Struct):
    events: list[msgspec.Raw]
    next: str | None = None
    partial: str | None = None


def at_service(url: str, *, token: str) -> LookUp:
    """Asks a running service, page by page."""

    def look_up(wanted: Wanted) -> LookedUp:
        events: list[StoredEvent] = []
        partial: str | None = None
        fields = _fields(wanted)
        numbers = count()
        while wanted.limit is None or len(events) < wanted.limit:
            left = _PAGE if wanted.limit is None else min(wanted.limit - len(events), _PAGE)
            answer = ask(url, "/v1/events", token=token, fields={**fields, "limit": str(left)})
            page = msgspec.json.decode(answer, type=_Answer)
            events += [StoredEvent(0, next(numbers), 0.0, bytes(event)) for event in page.events]
            partial = partial or page.partial
            if page.next is None:
                return LookedUp(events, False, partial)
            fields["cursor"] = page.next
        return LookedUp(events, True, partial)

    return look_up


def by_any_id(look_up: LookUp, wanted: Wanted) -> tuple[IdKind, LookedUp]:
    """What has this correlation id; else this trace id; else this event id; and which it was."""
    kinds: tuple[IdKind, ...] = ("correlation_id", "trace_id", "event_id")
    for kind in kinds:
        found = look_up(replace(wanted, kind=kind))
        if found.events or found.partial:
            return kind, found
    return "correlation_id", LookedUp(())


def _fields(wanted: Wanted) -> dict[str, str]:
    times = {"since": wanted.since, "until": wanted.until}
    return {wanted.kind: wanted.id} | {key: at.isoformat() for key, at in times.items() if at is not None}
