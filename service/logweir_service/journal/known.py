"""What the journal knows of its senders: where streams stand, and the ids of events without a stream.

It has a time of its own, which moves by the commits alone: so a replay comes to the same, and a clock that
was wrong for a while makes it forget nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from .event_ids import EventId, EventIds, Window
from .format import Commit
from .losses import Losses
from .streams import Mark, Marks

LONGEST_PAUSE_SECONDS: Final = 600.0
"""Time without commits counts as no more than this: the clock may have been set meanwhile."""


class KnownState(msgspec.Struct, frozen=True):
    """All of it as a checkpoint holds it."""

    open: dict[str, Mark] = {}
    closed: dict[str, Mark] = {}
    event_ids: dict[str, Window] = {}
    losses: Losses = msgspec.field(default_factory=Losses)
    now: float = 0.0
    received: float = 0.0
    """When the newest commit was received, by the clock."""


class Known:
    """Take the commits of a group, then `expire`."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.event_ids = EventIds()
        self.now = 0.0
        """The journal's own time in seconds; it begins with the clock's."""
        self._received = 0.0
        self._minute = -1.0

    @property
    def losses(self) -> Losses:
        """What is gone, as far as the commits tell it."""
        return self.marks.losses

    def take(self, commit: Commit, ids: Iterable[EventId] = ()) -> None:
        """Take note of a durable commit, and of the ids of its events where it belongs to no stream."""
        self._move(commit.received)
        at = commit.position
        if at is not None:
            self.marks.put(at.stream, Mark.of(at, service=commit.service, seen=self.now))
        self.losses.dropped_by_sender += commit.lost
        self.event_ids.add(ids, self.now)

    def expire(self) -> None:
        """Forget what need not be known any more; looks once a minute, because looking takes time."""
        minute = self.now // 60 * 60
        if minute != self._minute:
            self._minute = minute
            self.marks.expire(minute)
            self.event_ids.expire(minute)

    def forget_losses(self) -> Losses:
        """Let the counts of losses begin at 0 again; returns what they were."""
        losses, self.marks.losses = self.losses, Losses()
        return losses

    def dump(self) -> KnownState:
        """Everything, for a checkpoint; to be encoded before the next group."""
        return KnownState(
            self.marks.open, self.marks.closed, self.event_ids.dump(), self.losses, self.now, self._received
        )

    def restore(self, state: KnownState) -> None:
        """Begin with what a checkpoint holds."""
        self.marks.restore(opened=state.open, closed=state.closed, losses=state.losses)
        self.event_ids.restore(state.event_ids)
        self.now, self._received = state.now, state.received

    def _move(self, received: float) -> None:
        if not self._received:
            self.now = received
        else:
            self.now += min(max(received - self._received, 0.0), LONGEST_PAUSE_SECONDS)
        self._received = received
