"""What is asked of the stories, and what is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from logweir_service.event import StoredEvent

from .ids import IdKind

MAX_PAGE: Final = 1000
"""Events of one page."""

MAX_PAGE_BYTES: Final = 16 << 20
"""Of these; a page may be longer by one event."""

_CURSOR: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,19}\.[0-9]{1,9}")

Partial = Literal["deadline", "removed"]
"""Why a page may lack events: time ran out, or a segment was removed while it was read."""


class StoryPlace(NamedTuple):
    """Where an event stands in a story: its own clock, then its place in the journal."""

    at: int
    """Microseconds since the epoch."""
    lsn: int
    ordinal: int
    """Its index among the lines of its commit."""

    def __str__(self) -> str:
        """As a cursor, which `read_story_place` reads."""
        return f"{self.at}.{self.lsn}.{self.ordinal}"


def read_story_place(cursor: str) -> StoryPlace:
    """The place that a cursor names.

    Raises:
        ValueError: it names none.
    """
    if not _CURSOR.fullmatch(cursor):
        raise ValueError("is none that was handed out")
    return StoryPlace(*map(int, cursor.split(".")))


@dataclass(frozen=True, slots=True)
class Asked:
    """Events with exactly this id, by their timestamps."""

    value: str
    kind: IdKind = "correlation_id"
    since: int | None = None
    """Microseconds since the epoch; this one belongs to it."""
    until: int | None = None
    """This one does not."""
    limit: int | None = MAX_PAGE
    after: StoryPlace | None = None
    """Where the page before ended."""

    def covers(self, place: StoryPlace) -> bool:
        """Whether an event at this place belongs to what is asked."""
        return (
            (self.since is None or place.at >= self.since)
            and (self.until is None or place.at < self.until)
            and (self.after is None or place > self.after)
        )

    def may_cover(self, oldest: int, newest: int) -> bool:
        """Whether any event between these moments does."""
        return (
            (self.since is None or newest >= self.since)
            and (self.until is None or oldest < self.until)
            and (self.after is None or newest >= self.after.at)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order in which they happened."""

    events: tuple[StoredEvent, ...]
    next: StoryPlace | None = None
    """Where the next page begins, if there are more."""
    partial: Partial | None = None
