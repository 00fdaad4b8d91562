"""What the journal knows of its senders: where streams stand, and the ids of events without a stream."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .event_ids import EventId, EventIds, Window
from .format import Commit
from .streams import Mark, Marks


class KnownState(msgspec.Struct, frozen=True):
    """All of it as a checkpoint holds it."""

    open: dict[str, Mark] = {}
    closed: dict[str, Mark] = {}
    event_ids: dict[str, Window] = {}


class Known:
    """Moves by the time of receipt in commits alone, so that a replay comes to the same."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.event_ids = EventIds()
        self._minute = -1.0

    def take(self, commit: Commit, ids: Iterable[EventId] = ()) -> None:
        """Take note of a durable commit, and of the ids of its events where it belongs to no stream."""
        mark = Mark.of(commit)
        if mark is not None and commit.position is not None:
            self.marks.put(commit.position.stream, mark)
        self.event_ids.add(ids, commit.received)

    def expire(self, now: float) -> None:
        """Forget what need not be known any more; looks once a minute, because looking takes time."""
        minute = now // 60 * 60
        if minute != self._minute:
            self._minute = minute
            self.marks.expire(minute)
            self.event_ids.expire(minute)

    def dump(self) -> KnownState:
        """Everything, for a checkpoint; to be encoded before the next group."""
        return KnownState(self.marks.open, self.marks.closed, self.event_ids.dump())

    def restore(self, state: KnownState) -> None:
        """Begin with what a checkpoint holds."""
        self.marks.restore(opened=state.open, closed=state.closed)
        self.event_ids.restore(state.event_ids)
