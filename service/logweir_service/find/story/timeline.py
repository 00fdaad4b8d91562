"""A story as data: what happened under one id, in order, nested, with its error, its gaps and its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from logweir_service.event import StoredEvent

from .arranged import Placed, arranged, gaps
from .moment import Moment

NOTABLE_GAP_SECONDS: Final = 1.0
NOTABLE_GAP_SHARE: Final = 0.1
LEAST_NOTABLE_GAP_SECONDS: Final = 0.1
"""A gap is worth showing from a second on, or from a tenth of the story on where that is 0.1 s or more."""

EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Row(Moment):
    """A moment in its place in the story."""

    number: int
    """Its place among the rows, from 0."""
    offset: float
    """Seconds from the story's begin to its start, as the clock of its service tells it."""
    began: float
    """The same without what that clock seems to be wrong by, and never before the row that is around it."""
    depth: int
    """How many others it happened inside of. It may be as large as the story is long."""
    parent: int | None
    """The number of the row that it happened inside of, which stands above it."""
    gap_before: float
    """Seconds before it in which nothing of the story happened."""
    gap_is_notable: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything of one id, to be shown. Texts are `visible`."""

    correlation_id: str
    """The first that an event names, or empty."""
    begin: datetime
    end: datetime
    duration: float
    """Seconds from begin to end, as the clocks of the services tell it."""
    took: float
    """The same without what they seem to be wrong by."""
    services: tuple[str, ...]
    """In order of appearance, as are users."""
    users: tuple[str, ...]
    error_count: int
    """Rows whose level is error or critical."""
    rows: tuple[Row, ...]
    first_error: Row | None
    """The one to look at first: see `timeline`."""
    before: tuple[Row, ...]
    """What had happened when `first_error` did, oldest first: by when it ended, not by when it began."""
    skews: dict[str, float]
    """Services whose clock seems to be ahead of the first one's, by how many seconds; negative: behind."""
    gap_at_end: float
    """Seconds after the last row, while only what is around it was still going on; 0 where not notable."""


def timeline(events: Sequence[StoredEvent]) -> Timeline:
    """Tell a story of its events, which may come in any order and hold anything.

    Rows stand in the order in which things began: what took time began `duration_seconds` before its
    timestamp. A row never stands above the one that it happened inside of. Times are those that the events
    tell. Where a service's clock seems to be wrong, `skews` says so, and order, gaps and what the story took
    go by the time as it would be otherwise: a call to a service whose clock is 5 s ahead still stands between
    its neighbours, with its own strange time.

    A gap is a time in which nothing began and nothing was going on but what stands around it.

    The error to look at first is the root: of errors with an exception, one inside of which no other such
    error happened, and of those the first. So the service that failed comes before those that failed because
    of it, whatever their clocks say, and an exception before a mere message. Without any exception it is the
    same among all errors. Warnings are no errors, even with an exception: somebody dealt with them.
    """
    placed, ahead = arranged(events)
    begin = min((each.moment.start for each in placed), default=EPOCH)
    end = max((each.moment.at for each in placed), default=EPOCH)
    since = min((each.began for each in placed), default=0.0)
    took = max((each.ended for each in placed), default=0.0) - since
    before, gap_at_end = gaps(placed)
    rows = tuple(
        _row(number, each, since=since, gap=gap, is_notable=_is_notable(gap, took))
        for number, (each, gap) in enumerate(zip(placed, before, strict=True))
    )
    first = _root([number for number, row in enumerate(rows) if row.is_error], placed)
    return Timeline(
        correlation_id=next((row.correlation_id for row in rows if row.correlation_id), ""),
        begin=begin,
        end=end,
        duration=(end - begin).total_seconds(),
        took=took,
        services=tuple(dict.fromkeys(row.service for row in rows)),
        users=tuple(dict.fromkeys(row.user for row in rows if row.user)),
        error_count=sum(row.is_error for row in rows),
        rows=rows,
        first_error=None if first is None else rows[first],
        before=() if first is None else tuple(rows[number] for number in _before(first, placed)),
        skews=ahead,
        gap_at_end=gap_at_end if _is_notable(gap_at_end, took) else 0.0,
    )


def _row(number: int, placed: Placed, *, since: float, gap: float, is_notable: bool) -> Row:
    moment = placed.moment
    return Row(
        stored=moment.stored,
        fields=moment.fields,
        at=moment.at,
        duration=moment.duration,
        number=number,
        offset=placed.offset,
        began=placed.began - since,
        depth=placed.depth,
        parent=placed.parent,
        gap_before=gap,
        gap_is_notable=is_notable,
    )


def _is_notable(gap: float, took: float) -> bool:
    return gap >= NOTABLE_GAP_SECONDS or gap >= max(LEAST_NOTABLE_GAP_SECONDS, took * NOTABLE_GAP_SHARE)


def _root(errors: Sequence[int], placed: Sequence[Placed]) -> int | None:
    """Of `errors` the first inside of which no other happened; those with an exception before all others."""
    candidates = [number for number in errors if placed[number].moment.has_exception] or errors
    led_to: set[int] = set()
    for number in candidates:
        around = placed[number].parent
        while around is not None and around not in led_to:
            led_to.add(around)
            around = placed[around].parent
    roots = (number for number in candidates if number not in led_to)
    return min(roots, key=lambda number: _happened(placed[number]), default=None)


def _before(error: int, placed: Sequence[Placed]) -> list[int]:
    then = _happened(placed[error])
    earlier = (number for number, each in enumerate(placed) if _happened(each) < then)
    return sorted(earlier, key=lambda number: _happened(placed[number]))


def _happened(placed: Placed) -> tuple[float, tuple[int, int]]:
    return placed.ended, placed.moment.place
