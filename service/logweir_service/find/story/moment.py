"""One event of a story, read: when it was, whose it is, what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

from logweir.fields import ERROR_LEVELS
from logweir_service.event import StoredEvent
from logweir_service.lenient import read_moment, read_object

from .stack import Raised, raised
from .told import told
from .visible import shown

_UNREADABLE_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Moment:
    """An event as it tells of itself. Its texts are `visible`; `fields` hold what was sent."""

    stored: StoredEvent
    fields: Mapping[str, Any]
    """All members as `read_object` reads them; none where the line cannot be read."""
    at: datetime
    """When it happened, in UTC; of what took time, when it ended. The receive time where it does not say."""
    duration: float | None
    """Seconds, where it took time."""

    @property
    def place(self) -> tuple[int, int]:
        """Where the journal holds it; ascending in the order of storing."""
        return self.stored.lsn, self.stored.index

    @property
    def start(self) -> datetime:
        """When it began: for what took no time, when it happened."""
        return self.at - timedelta(seconds=self.duration or 0)

    @property
    def service(self) -> str:
        """Who tells it."""
        return shown(self.fields.get("service")) or "?"

    @property
    def level(self) -> str:
        """Its severity, mostly one of five words."""
        return shown(self.fields.get("level")) or "?"

    @property
    def name(self) -> str:
        """The event's name."""
        return shown(self.fields.get("event")) or "?"

    @property
    def told(self) -> str:
        """What happened, in a few words, but for `duration` and `user`."""
        if not self.fields:
            line = self.stored.line[:_UNREADABLE_CHARACTERS]
            return shown(line.decode(errors="replace"))
        return told(self.fields)

    @property
    def correlation_id(self) -> str:
        """What it is found by, or nothing."""
        return shown(self.fields.get("correlation_id"))

    @property
    def user(self) -> str:
        """Whom it concerns, or nothing."""
        return shown(self.fields.get("user_id"))

    @property
    def is_error(self) -> bool:
        """Whether its level says so."""
        level = self.fields.get("level")
        return isinstance(level, str) and level in ERROR_LEVELS

    @property
    def has_exception(self) -> bool:
        """Whether it brings an exception, as a list or as text."""
        return bool(self.exception_text) or bool(raised(self.fields))

    def exceptions(self) -> tuple[Raised, ...]:
        """The exception that it reports and what that hangs on."""
        return raised(self.fields)

    @property
    def exception_text(self) -> str:
        """An exception that came as text, with its line breaks, as it was sent: not yet `visible`."""
        text = self.fields.get("exception_text")
        return text if isinstance(text, str) else ""

    @property
    def profile(self) -> str:
        """Where a slow block's time went, with its line breaks, as it was sent: not yet `visible`."""
        text = self.fields.get("profile")
        return text if isinstance(text, str) else ""

    def identifier(self, key: str) -> str | None:
        """A field that names a span, or None."""
        value = self.fields.get(key)
        return value if isinstance(value, str) and value else None


def read(stored: StoredEvent) -> Moment:
    """Read a stored event, whatever it holds."""
    try:
        fields = read_object(stored.line)
    except (ValueError, RecursionError):
        fields = {}
    at = read_moment(fields.get("timestamp")) or datetime.fromtimestamp(stored.received, UTC)
    return Moment(stored, fields, at, _duration(fields.get("duration_seconds"), at))


def _duration(value: object, at: datetime) -> float | None:
    """`value` where it is seconds that can have gone by before `at`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = float(value)
    if not isfinite(seconds) or seconds < 0:
        return None
    try:
        at - timedelta(seconds=seconds)
    except OverflowError:
        return None
    return seconds
