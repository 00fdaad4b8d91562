"""Which segments go: the oldest, by age, by size, for want of space; never one that is still needed.

A segment is needed by the oldest checkpoint kept, and by every cursor that has not read it. A checkpoint is
never passed. A cursor is passed for want of space alone, and only where the operator has said so; it is told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from logweir_service.disk import Disk
from logweir_service.listing import listed

from .format import MAX_LINE_BYTES, decode_commit
from .segment import Segment, SegmentReader, header_of, segments, sidecar_of

Reason = Literal["age", "bytes", "space"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator wants kept."""

    max_bytes: int
    max_age_seconds: float
    may_pass_cursors: bool = False
    """Whether, for want of space, events may go that a cursor has not read."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment that is complete."""

    segment: Segment
    last_lsn: int
    size: int
    received: float
    """Not before its last commit was received, in seconds since the epoch."""
    begun: float = 0.0
    """When its first commit was received; that of the next one where it has none."""

    @property
    def first_lsn(self) -> int:
        """Its first commit."""
        return self.segment.first_lsn


@dataclass(frozen=True, slots=True)
class Removal:
    """A segment that goes."""

    sealed: Sealed
    reason: Reason
    unread: bool
    """A cursor has not read all of it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What goes now, and how much would have to go if no cursor stood before it."""

    removals: Sequence[Removal]
    held_bytes: int


def decide(
    policy: Policy,
    sealed: Sequence[Sealed],
    *,
    total_bytes: int,
    missing_bytes: int,
    now: float,
    checkpoint_lsn: int,
    cursor_lsn: int,
) -> Decision:
    """Choose among the sealed segments, oldest first.

    `missing_bytes` are wanting on the disk; `checkpoint_lsn` and `cursor_lsn` are the newest commits that the
    oldest checkpoint and the slowest cursor have behind them.
    """
    removals: list[Removal] = []
    held = 0
    for each in sealed:
        reason: Reason
        if missing_bytes > 0:
            reason = "space"
        elif total_bytes > policy.max_bytes:
            reason = "bytes"
        elif now - each.received > policy.max_age_seconds:
            reason = "age"
        else:
            break
        if each.last_lsn > checkpoint_lsn:
            break
        unread = each.last_lsn > cursor_lsn
        total_bytes -= each.size
        missing_bytes -= each.size
        if held or (unread and not (reason == "space" and policy.may_pass_cursors)):
            held += each.size
        else:
            removals.append(Removal(each, reason, unread))
    return Decision(removals, held)


class SealedSegments:
    """Looks at the sealed segments of a folder; what it has learnt of one it need not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._received: dict[int, float] = {}
        self._due: dict[int, tuple[int, float]] = {}

    def __call__(self) -> list[Sealed]:
        """The sealed segments, oldest first."""
        known = segments(self._folder)
        found: list[Sealed] = []
        received = float("inf")
        for segment, following in reversed([*itertools.pairwise(known)]):
            received = self._begin_of(following) or received  # of one without a commit, that behind it
            size = segment.path.stat().st_size
            begun = self._begin_of(segment) or received
            found.append(Sealed(segment, following.first_lsn - 1, size, received, begun))
        return found[::-1]

    def due(self, segment: Segment) -> float:
        """When more of a segment can go, in seconds since the epoch: 0 for one that was never compacted."""
        if not segment.is_packed:
            return 0.0
        seen = segment.path.stat().st_ino
        known = self._due.get(segment.first_lsn)
        if known is None or known[0] != seen:
            header = header_of(segment)
            known = self._due[segment.first_lsn] = (seen, header.due if header else math.inf)
        return known[1]

    def damaged_before(self, when: float) -> list[Path]:
        """What was kept of damaged segments, and was written before this time in seconds since the epoch."""
        found = []
        for path in listed(self._folder, "*.corrupt"):
            with suppress(FileNotFoundError):  # an operator may have removed it at this moment
                if path.stat().st_mtime < when:
                    found.append(path)
        return found

    def _begin_of(self, segment: Segment) -> float | None:
        """When the first commit of a segment was received; None where it has none."""
        if segment.first_lsn not in self._received:
            with segment.open() as file:
                file.readline(MAX_LINE_BYTES)
                commit = decode_commit(file.readline(MAX_LINE_BYTES))
            if commit is None:
                return None
            self._received[segment.first_lsn] = commit.received
        return self._received[segment.first_lsn]


def remove(
    disk: Disk, removals: Sequence[Removal], *, cursor_lsn: int, sidecars: Path
) -> Iterator[tuple[Reason, int]]:
    """Remove them one by one: tells of each the reason, and how many events of it a cursor had not read.

    What stands in the folder of `sidecars` beside a segment goes with it.

    Raises:
        OSError: this one and those behind it are left.
    """
    for removal in removals:
        segment = removal.sealed.segment
        unread_events = 0
        if removal.unread:
            unread_events = sum(
                located.commit.count
                for located in SegmentReader(segment, passing_over=True)
                if located.commit.lsn > cursor_lsn
            )
        disk.unlink(segment.path)
        if (sidecar := sidecar_of(sidecars, segment.first_lsn)).exists():
            disk.unlink(sidecar)
        yield removal.reason, unread_events
    if removals:
        disk.sync_folder(removals[0].sealed.segment.path.parent)
