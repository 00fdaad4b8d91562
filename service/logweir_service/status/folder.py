"""A status as a data folder tells it, beside a running service or of a dead one; takes no lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from logweir_service.dead import tally
from logweir_service.disk import Disk
from logweir_service.event import rfc3339
from logweir_service.journal import Checkpoint, Checkpoints, DataFolder, Position, ballast_weight
from logweir_service.journal.segment import Segment, SegmentReader, segments
from logweir_service.listing import listed
from logweir_service.promote.cursor import START, Cursor
from logweir_service.telemetry import LOSSES

from .model import (
    CheckpointStatus,
    DiskStatus,
    JournalStatus,
    LettersStatus,
    PromotionStatus,
    State,
    Status,
    StreamsStatus,
)
from .owner import ended_in_order, owner
from .reading import Reading, read_end


class _Senders(msgspec.Struct):
    open: dict[str, msgspec.Raw] = {}
    closed: dict[str, msgspec.Raw] = {}


class _State(msgspec.Struct):
    """What is told of a checkpoint's body; the rest is skipped."""

    position: Position
    senders: _Senders
    losses: dict[str, float] = {}
    losses_seen: dict[str, float] = {}


_state = msgspec.json.Decoder(_State)


def status_of_folder(
    folder: DataFolder,
    *,
    last_lsn: int | None = None,
    damage: Sequence[str] = (),
    disk: Disk | None = None,
    clock: Callable[[], float] = time.time,
) -> Status:
    """Read it; whoever knows the newest commit, and the damage, saves the reading of the journal's end.

    Raises:
        ConfigurationError: no service has ever used the folder.
        UnknownFormat: a newer version wrote it.
        OSError: it cannot be read.
    """
    identifier = folder.identify()
    checkpoints = Checkpoints(folder.checkpoints, journal=identifier)
    found, unusable = _newest(checkpoints)  # before the journal, which is never behind it then
    known = _present(segments(folder.journal))
    sizes = {segment.first_lsn: size for segment, size in known}
    if last_lsn is None:
        at_end = read_end(
            [segment for segment, _ in known],
            covered=found[1].position if found else None,
            known_lsn=max(checkpoints.newest_lsn, found[0].lsn if found else 0),
        )
    else:
        at_end = Reading(last_lsn, [*damage])
    pid = owner(folder.path / "LOCK")
    state: State = "running" if pid else "stopped" if ended_in_order(folder.path / "LOCK") else "ended"
    letters = tally(folder.dead)
    free_bytes, total_bytes = (disk or Disk()).space(folder.path)
    at = Cursor(folder.checkpoints / "promote.cursor", journal=identifier).load() or START
    return Status(
        state=state,
        pid=pid,
        journal=JournalStatus(
            last_lsn=at_end.last_lsn,
            segments=len(known),
            bytes=sum(sizes.values()),
            oldest=_oldest([segment for segment, _ in known]),
            compressed=sum(segment.is_packed for segment, _ in known),
            indexed=_indexed(folder, {segment.first_lsn for segment, _ in known}),
            damaged=sum(1 for _ in listed(folder.journal, "*.corrupt")),
            damage=at_end.damage,
            resets=at_end.resets,
        ),
        checkpoint=_told(*found, sizes=sizes, now=clock()) if found else None,
        unusable_checkpoints=unusable,
        promotion=PromotionStatus(lsn=at.lsn, behind_commits=max(at_end.last_lsn + 1 - at.lsn, 0)),
        disk=DiskStatus(
            free_bytes=free_bytes, total_bytes=total_bytes, ballast=ballast_weight(folder.path) > 0
        ),
        streams=StreamsStatus(open=len(found[1].senders.open), closed=len(found[1].senders.closed))
        if found
        else None,
        letters=LettersStatus(kept=letters.kept, retried=letters.retried, bytes=letters.bytes),
        losses=with_zeros(found[1].losses) if found else {},
        losses_age_seconds=ages(found[1].losses_seen, now=clock()) if found else {},
    )


def ages(seen: Mapping[str, float], *, now: float) -> dict[str, float]:
    """How long ago moments were, in seconds."""
    return {name: max(now - moment, 0.0) for name, moment in seen.items()}


def with_zeros(losses: Mapping[str, float]) -> dict[str, float]:
    """Losses with 0 for each counter of which there are none."""
    counted = {name.partition("{")[0] for name in losses}
    return {**losses, **{name: 0.0 for name in sorted(LOSSES) if name not in counted}}


def _indexed(folder: DataFolder, first_lsns: set[int]) -> int:
    """How many of the segments have a sidecar."""
    names = {f"{first_lsn:020}.index" for first_lsn in first_lsns}
    return sum(each.name in names for each in listed(folder.path / "index", "*.index"))


def _present(found: list[Segment]) -> list[tuple[Segment, int]]:
    """Segments and their sizes; one that retention removes at this moment is left out."""
    present = []
    for segment in found:
        try:
            present.append((segment, segment.path.stat().st_size))
        except FileNotFoundError:
            continue
    return present


def _newest(checkpoints: Checkpoints) -> tuple[tuple[Checkpoint, _State] | None, list[str]]:
    """The newest checkpoint that can be read, and a line for each newer one."""
    unreadable: list[str] = []
    for checkpoint in checkpoints.newest_first():
        try:
            return (checkpoint, _state.decode(checkpoint.body)), [*checkpoints.damaged, *unreadable]
        except ValueError as fault:
            unreadable.append(f"the checkpoint at commit {checkpoint.lsn} cannot be read: {fault}")
    return None, [*checkpoints.damaged, *unreadable]


def _told(checkpoint: Checkpoint, state: _State, *, sizes: dict[int, int], now: float) -> CheckpointStatus:
    at = state.position
    behind = sum(size for first_lsn, size in sizes.items() if first_lsn > at.segment_first_lsn)
    behind += max(sizes.get(at.segment_first_lsn, 0) - at.offset, 0)
    return CheckpointStatus(
        lsn=checkpoint.lsn,
        age_seconds=max(now - checkpoint.written, 0.0),
        bytes=len(checkpoint.body),
        behind_bytes=behind,
    )


def _oldest(found: list[Segment]) -> str | None:
    """When the oldest commit was received."""
    for segment in found[:1]:
        for located in SegmentReader(segment, passing_over=True):
            return rfc3339(located.commit.received)
    return None
