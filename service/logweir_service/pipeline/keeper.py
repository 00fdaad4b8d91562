"""Keeps what a restart needs, and no more than was asked for: checkpoints, retention, room on the disk."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from logweir_service.disk import Disk
from logweir_service.errors import StorageBroken
from logweir_service.journal import (
    Checkpoint,
    Checkpoints,
    Policy,
    SealedSegments,
    Segment,
    Space,
    decide,
    put_in_place,
    remove,
    set_aside,
    sidecar_of,
)
from logweir_service.telemetry import Telemetry

CHECKPOINT_BYTES: Final = 64 << 20
"""Of the journal, after which a checkpoint is due whatever the clock says: a restart has no more to read."""

_MOST_OF_THE_TIME: Final = 0.02
"""The share of the loop's time that making checkpoints may take."""

_TELL_SECONDS: Final = 600.0
"""How often the same trouble is logged."""

_Trouble = Literal[
    "unsaved", "save fault", "no ballast", "untidied", "tidy fault", "unread removed", "held", "not alone"
]

_log = logging.getLogger("logweir_service.pipeline")


@dataclass(slots=True)
class Keeper:
    """Saves and tidies in a thread of its own; all else is asked of one thread, the loop's."""

    checkpoints: Checkpoints
    sealed: SealedSegments
    space: Space
    policy: Policy
    disk: Disk
    telemetry: Telemetry
    cursor_lsn: Callable[[], int]
    """The newest commit that the slowest cursor has behind it."""
    sidecars: Path
    """The folder of the segments' indexes."""
    require_there: Callable[[], None] = lambda: None
    """Raises StorageBroken where the journal is gone."""
    checkpoint_seconds: float = 5.0
    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    broken: StorageBroken | None = None
    """Set when there is nothing to keep any more: the service must stop."""
    held_bytes: int = 0
    """What retention would remove, had every cursor read it."""
    damaged: list[str] = field(default_factory=list)
    """One line for each segment that was found to be damaged since the start was over."""
    lost_events: int = 0
    """Events removed before every cursor had read them."""
    last_lsn: int = -1
    """The newest commit in a checkpoint."""
    last_written: float = 0.0
    """When that was saved, in seconds since the epoch."""
    last_bytes: int = 0
    _unsaved_bytes: int = 0
    _not_before: float = 0.0
    _tidy_not_before: float = 0.0
    _saving: Future[None] | None = None
    _told: dict[_Trouble, float] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "keeper"))

    def note(self, journal_bytes: int) -> None:
        """So much was added to the journal."""
        self._unsaved_bytes += journal_bytes

    def is_due(self, lsn: int) -> bool:
        """Whether the state at commit `lsn` should be saved now."""
        if lsn == self.last_lsn or (self._saving is not None and not self._saving.done()):
            return False
        return self._unsaved_bytes >= CHECKPOINT_BYTES or self.ticks() >= self._not_before

    def save_soon(self, lsn: int, encode: Callable[[], bytes]) -> None:
        """Take the state at commit `lsn` now, and save it behind the caller's back; a failure is counted."""
        started = self.ticks()
        self._tidy_not_before = started + self.checkpoint_seconds
        checkpoint = Checkpoint(lsn, self.clock(), encode())
        cost = self.ticks() - started
        self._not_before = started + max(self.checkpoint_seconds, cost / _MOST_OF_THE_TIME)
        self._unsaved_bytes = 0
        self._saving = self._thread.submit(self._save_and_tidy, checkpoint)

    def tidy_soon(self) -> None:
        """Tidy now and then also where nothing is saved: on a full disk nothing comes in any more."""
        if self.ticks() >= self._tidy_not_before and (self._saving is None or self._saving.done()):
            self._tidy_not_before = self.ticks() + self.checkpoint_seconds
            self._saving = self._thread.submit(self._try_to_tidy)

    def save(self, lsn: int, body: bytes, *, alone: bool = False) -> None:
        """Save the state at commit `lsn`, and wait until it is.

        Raises:
            OSError: it is not saved.
        """
        self.save_meanwhile(lsn, body, alone=alone).result()

    def save_meanwhile(self, lsn: int, body: bytes, *, alone: bool = False) -> Future[None]:
        """Save the state at commit `lsn`; the result comes when it is, or holds the `OSError`."""
        self._unsaved_bytes = 0
        self._not_before = self._tidy_not_before = self.ticks() + self.checkpoint_seconds
        return self._thread.submit(self._save, Checkpoint(lsn, self.clock(), body), alone=alone)

    def tidy(self) -> None:
        """Remove what retention lets go, and take up the ballast again where there is room."""
        missing = self.space.min_free_bytes - self.space.free_bytes
        sealed = self.sealed()
        cursor_lsn = self.cursor_lsn()
        decision = decide(
            self.policy,
            sealed,
            total_bytes=sum(each.size for each in sealed),
            missing_bytes=max(missing, 0),
            now=self.clock(),
            checkpoint_lsn=self.checkpoints.oldest_lsn,
            cursor_lsn=cursor_lsn,
        )
        removed = remove(self.disk, decision.removals, cursor_lsn=cursor_lsn, sidecars=self.sidecars)
        for reason, unread in removed:
            self.telemetry.removed_segments.labels(reason).inc()
            if unread:
                self.lost_events += unread
                text = f"removed {unread} events that promotion had not read: the disk is full"
                self._tell("unread removed", text)
        for path in self.sealed.damaged_before(self.clock() - self.policy.max_age_seconds):
            with suppress(FileNotFoundError):
                self.disk.unlink(path)
            _log.warning("removed %s: it was kept because it is damaged, and is too old now", path)
        self.held_bytes = decision.held_bytes
        if decision.held_bytes:
            text = f"promotion, which has not read {decision.held_bytes} bytes that could go"
            self._tell("held", f"retention waits for {text}")
        self.space.keep_ballast()

    def swap(self, segment: Segment) -> Future[bool]:
        """Let what `rewrite` has made of a segment take its place; False where retention was faster."""
        sidecar = sidecar_of(self.sidecars, segment.first_lsn)
        return self._thread.submit(put_in_place, self.disk, segment, sidecar=sidecar)

    def mend(self, segment: Segment, journal: UUID) -> Future[None]:
        """Set a damaged segment aside, and tell."""
        return self._thread.submit(lambda: self.tell_damage(set_aside(self.disk, segment, journal)))

    def tell_damage(self, text: str) -> None:
        """Log and count a segment that was found to be damaged."""
        _log.error("%s; the events that it hit are missing from search, the numbers are as they were", text)
        self.telemetry.damaged_segments.inc()
        self.damaged.append(text)

    @property
    def read_lsn(self) -> int:
        """The newest commit that the oldest checkpoint and the slowest cursor have behind them."""
        return min(self.checkpoints.oldest_lsn, self.cursor_lsn())

    def has_room(self, needed_bytes: int) -> bool:
        """Whether so much can be written and still enough stays free."""
        return self.space.free_bytes - needed_bytes >= self.space.min_free_bytes

    def close(self) -> None:
        """Wait for what is being saved."""
        self._thread.shutdown()

    def _save_and_tidy(self, checkpoint: Checkpoint) -> None:
        if not self._is_there():
            return
        try:
            self._save(checkpoint, alone=False)
        except OSError as fault:
            text = f"no checkpoint could be written ({fault.strerror}): the next start takes longer"
            self._tell("unsaved", text)
        except Exception as fault:  # noqa: BLE001 - nobody else looks at what this thread raises
            text = "no checkpoint could be written, by a fault of the service's own"
            self._tell("save fault", text, fault=fault)
        self._try_to_tidy()

    def _is_there(self) -> bool:
        try:
            self.require_there()
        except StorageBroken as fault:
            self.broken = fault
        except OSError as fault:
            self._tell("untidied", f"the journal cannot be looked at: {fault}")
        return self.broken is None

    def _try_to_tidy(self) -> None:
        if not self._is_there():
            return
        try:
            self.tidy()
        except OSError as fault:
            self._tell("untidied", f"old segments cannot be removed: {fault}")
        except Exception as fault:  # noqa: BLE001 - nor here
            text = "old segments cannot be removed, by a fault of the service's own"
            self._tell("tidy fault", text, fault=fault)

    def _save(self, checkpoint: Checkpoint, *, alone: bool) -> None:
        started = self.ticks()
        try:
            size = self._try(checkpoint, alone=alone)
        except Exception:
            self.telemetry.checkpoint_failures.inc()
            raise
        for each in self.checkpoints.not_alone:
            text = f"{each}: remove it; a start that found the newest one damaged would go on from there"
            self._tell("not alone", text)
        self.telemetry.checkpoints.inc()
        self.telemetry.checkpoint_seconds.observe(self.ticks() - started)
        self.last_lsn, self.last_written, self.last_bytes = checkpoint.lsn, checkpoint.written, size

    def _try(self, checkpoint: Checkpoint, *, alone: bool) -> int:
        try:
            return self.checkpoints.save(checkpoint, alone=alone)
        except OSError as fault:
            if fault.errno not in (errno.ENOSPC, errno.EDQUOT) or not self.space.drop_ballast():
                raise
        self._tell("no ballast", "gave up the ballast file for a checkpoint: the disk is full")
        return self.checkpoints.save(checkpoint, alone=alone)

    def _tell(self, trouble: _Trouble, text: str, *, fault: Exception | None = None) -> None:
        """Log trouble, the same not again and again; a fault of our own with its traceback."""
        now = self.ticks()
        if now - self._told.get(trouble, -_TELL_SECONDS) >= _TELL_SECONDS:
            self._told[trouble] = now
            _log.log(logging.ERROR if fault else logging.WARNING, "%s", text, exc_info=fault)
