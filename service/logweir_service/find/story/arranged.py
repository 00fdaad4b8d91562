"""The moments of a story in the order in which they began, each below the one it happened inside of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from logweir_service.event import StoredEvent

from .moment import Moment, read
from .nesting import depths, parents
from .skew import Timed, skews


class Placed(NamedTuple):
    """A moment in its place. Times are in seconds since the story's begin."""

    moment: Moment
    parent: int | None
    """The place of the moment that it happened inside of."""
    depth: int
    is_around: bool
    """Whether others happened inside of it."""
    offset: float
    """When it began, as it tells."""
    began: float
    ended: float
    """When it will have begun and ended, where its service's clock seems to be wrong, and never before its
    parent."""


class Arranged(NamedTuple):
    """A story's moments in order, and whose clock was taken to be wrong."""

    placed: list[Placed]
    skews: dict[str, float]


def arranged(events: Sequence[StoredEvent]) -> Arranged:
    """Arrange the moments that `events` tell of."""
    moments = sorted(map(read, events), key=lambda moment: (moment.start, moment.place))
    inside_of = parents(moments)
    moments = [_told_once(moment, parent, moments) for moment, parent in zip(moments, inside_of, strict=True)]
    deep = depths(inside_of)
    begin = min((moment.start for moment in moments), default=None)
    offsets = [_seconds(begin, moment.start) for moment in moments]
    ahead = skews(
        [_timed(moment, offset) for moment, offset in zip(moments, offsets, strict=True)], inside_of, deep
    )
    began = [offset - ahead.get(moment.service, 0.0) for moment, offset in zip(moments, offsets, strict=True)]
    for number in sorted(range(len(moments)), key=deep.__getitem__):
        parent = inside_of[number]
        if parent is not None:
            began[number] = max(began[number], began[parent])
    order = sorted(
        range(len(moments)), key=lambda number: (began[number], deep[number], moments[number].place)
    )
    places = {number: place for place, number in enumerate(order)}
    around = {*inside_of}
    return Arranged(
        [
            Placed(
                moment=moments[number],
                parent=None if (parent := inside_of[number]) is None else places[parent],
                depth=deep[number],
                is_around=number in around,
                offset=offsets[number],
                began=began[number],
                ended=began[number] + (moments[number].duration or 0.0),
            )
            for number in order
        ],
        ahead,
    )


def gaps(placed: Sequence[Placed]) -> tuple[list[float], float]:
    """The seconds before each moment, and behind the last, in which nothing of the story happened.

    That is: nothing began, and nothing was going on but what others happened inside of.
    """
    before: list[float] = []
    reached = placed[0].began if placed else 0.0
    for each in placed:
        before.append(max(0.0, each.began - reached))
        reached = max(reached, each.began if each.is_around else each.ended)
    return before, max((each.ended for each in placed), default=reached) - reached


def _told_once(moment: Moment, parent: int | None, moments: Sequence[Moment]) -> Moment:
    """Without a duration where that is its parent's, as a warning that this one was slow repeats it."""
    if parent is None or moment.duration is None or moment.identifier("span_id") is not None:
        return moment
    return replace(moment, duration=None) if moment.duration == moments[parent].duration else moment


def _timed(moment: Moment, offset: float) -> Timed:
    return Timed(
        service=moment.service,
        start=offset,
        end=offset + (moment.duration or 0.0),
        is_span=moment.duration is not None and moment.identifier("span_id") is not None,
        kind=moment.identifier("span_kind") or "",
    )


def _seconds(begin: datetime | None, moment: datetime) -> float:
    return 0.0 if begin is None else (moment - begin).total_seconds()
