"""How far a journal goes and where it is damaged, as the next start will find it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from logweir_service.journal import Position
from logweir_service.journal.segment import Segment, SegmentReader
from logweir_service.journal.tail import is_torn, start_in


@dataclass(slots=True)
class Reading:
    """What was read of a journal's end."""

    last_lsn: int = 0
    """The newest whole commit."""
    damage: list[str] = field(default_factory=list)
    """One line for each damaged segment."""
    resets: bool = False
    """Some of it lies where no checkpoint covers it: the next start lets all counters begin at 0."""


def read_end(known: Sequence[Segment], *, covered: Position | None, known_lsn: int) -> Reading:
    """Read the last segment, and those that a start reads behind position `covered`.

    Commit `known_lsn` is known to have been durable: what ends before it has lost its end.
    """
    found = Reading()
    for segment, following in zip_longest(known, known[1:]):
        if following and (covered is None or segment.first_lsn < covered.segment_first_lsn):
            continue
        must_reach = following.first_lsn - 1 if following else known_lsn
        try:
            damage = _damage_before(segment, covered.last_lsn) if covered else None
            behind = _read_on(found, segment, covered, known_lsn=must_reach, is_last=following is None)
        except FileNotFoundError:
            continue  # removed by retention meanwhile
        if damage or behind:
            found.damage.append(f"{segment.path.name}: {damage or behind}")
    return found


def _damage_before(segment: Segment, last_lsn: int) -> str | None:
    """What is found in front of the end of commit `last_lsn`."""
    if segment.first_lsn > last_lsn:
        return None
    reader = SegmentReader(segment)
    for located in reader:
        if located.commit.lsn >= last_lsn:
            return None
    return reader.damage


def _read_on(
    found: Reading, segment: Segment, covered: Position | None, *, known_lsn: int, is_last: bool
) -> str | None:
    """Read behind the position; returns the damage there.

    A batch at the end of the last segment that is being written, or was when its writer died, is none.
    """
    offset = start_in(segment, covered)
    last_lsn = covered.last_lsn if covered and offset else segment.first_lsn - 1
    reader = SegmentReader(segment, offset=offset, after_lsn=last_lsn)
    reads_on = True
    while reads_on:
        reads_on = False
        for located in reader:
            last_lsn, reads_on = located.commit.lsn, True
        if reader.damage is None:
            reads_on = False
        elif reads_on:  # once more: it may have been written just then
            reader = SegmentReader(segment, offset=reader.end, after_lsn=last_lsn)
    found.last_lsn = max(found.last_lsn, last_lsn)
    if reader.damage is None:
        return None
    if is_last and not segment.is_packed and is_torn(reader, last_lsn=last_lsn, known_lsn=known_lsn):
        return None
    for located in SegmentReader(segment, passing_over=True):  # as it is copied when it is set aside
        if located.commit.lsn > last_lsn:
            found.resets |= located.commit.lsn > last_lsn + 1
            found.last_lsn = last_lsn = located.commit.lsn
    found.resets |= last_lsn < known_lsn
    return reader.damage
