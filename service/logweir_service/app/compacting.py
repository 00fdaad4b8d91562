"""Compacts sealed segments in the background, one at a time, in a child process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from logweir_service.compact import next_in_turn
from logweir_service.errors import JobFailed, JobLate, UnknownFormat
from logweir_service.jobs.child import Children
from logweir_service.jobs.compact import Answer
from logweir_service.journal import Sealed, SealedSegments
from logweir_service.rules import RuleSet

from .composition import Service

LOOK_SECONDS: Final = 5.0
"""How often it is asked whether a segment is due, while none is."""

_DEADLINE_SECONDS: Final = 600.0

_AGAIN_SECONDS: Final = 600.0
"""Behind a failure, the same segment is left in peace for so long."""

_STORY_SECONDS: Final = 3600.0
"""An error keeps the events of its story that were received within this time, in whatever segment."""

_log = logging.getLogger("logweir_service.compact")


@dataclass(slots=True)
class Compaction:
    """Writes segments anew, oldest first, once nothing reads them by position any more.

    A failure is logged once for each segment, counted each time, and tried again.
    """

    service: Service
    rules: Callable[[], RuleSet]
    """Those in force."""
    after_seconds: float
    look_seconds: float
    _children: Children = field(default_factory=lambda: Children(1))
    _failed: dict[int, float] = field(default_factory=dict)
    """When to try again, by first commit."""
    _told: set[int] = field(default_factory=set)

    async def run(self) -> None:
        """Compact what is due, and look again; never ends."""
        sealed = SealedSegments(self.service.pipeline.journal.folder.journal)
        while True:
            if not await self._next(sealed):
                await asyncio.sleep(self.look_seconds)

    async def _next(self, sealed: SealedSegments) -> bool:
        """Compact the next segment that is due; False where there is none, or no room to do it."""
        loop = asyncio.get_running_loop()
        found: tuple[Sealed, Sequence[Sealed]] | None = None
        try:
            found = await loop.run_in_executor(None, self._look, sealed)
            if found is None:
                return False
            await self._compact(*found)
        except (OSError, UnknownFormat, JobFailed, JobLate) as fault:
            self._fail(found[0] if found else None, str(fault))
        except Exception:  # noqa: BLE001 - nobody else looks at what this task raises
            _log.exception("no segment can be compacted, by a fault of the service's own")
            self.service.pipeline.telemetry.compaction_failures.inc()
            return False
        return found is not None

    def _look(self, sealed: SealedSegments) -> tuple[Sealed, Sequence[Sealed]] | None:
        """The segment that is due, and all there are."""
        pipeline = self.service.pipeline
        now, known = pipeline.clock(), sealed()
        found = next_in_turn(
            known,
            due=lambda each: sealed.due(each.segment),
            now=now,
            after_seconds=self.after_seconds,
            read_lsn=pipeline.keeper.read_lsn,
            waiting={first_lsn for first_lsn, again in self._failed.items() if again > now},
        )
        return (found, known) if found and pipeline.keeper.has_room(found.size) else None

    async def _compact(self, found: Sealed, known: Sequence[Sealed]) -> None:
        keeper, journal = self.service.pipeline.keeper, self.service.pipeline.journal
        answer = await self._ask(self._job(found, known))
        if answer.damage:
            await asyncio.wrap_future(keeper.mend(found.segment, journal.identifier))
            raise OSError(f"it is damaged: {answer.damage}")
        if not answer.is_gone and await asyncio.wrap_future(keeper.swap(found.segment)):
            self._count(answer)
        self._failed.pop(found.first_lsn, None)

    async def _ask(self, job: dict[str, Any]) -> Answer:
        async with self._children.run(job, deadline_seconds=_DEADLINE_SECONDS) as lines:
            told = [line async for line in lines]
        return msgspec.json.decode(b"".join(told), type=Answer)

    def _job(self, found: Sealed, known: Sequence[Sealed]) -> dict[str, Any]:
        journal, rules = self.service.pipeline.journal, self.rules()
        return {
            "job": "compact",
            "journal": journal.identifier,
            "folder": str(journal.folder.journal),
            "sidecars": str(journal.folder.index),
            "first_lsn": found.first_lsn,
            "neighbours": _neighbours(found, known) if rules.store else [],
            "rules": rules.sources if rules.store else [],
            "pack_labels": rules.pack_labels if rules.store else None,
            "now": self.service.pipeline.clock(),
        }

    def _count(self, answer: Answer) -> None:
        telemetry = self.service.pipeline.telemetry
        telemetry.compacted_segments.inc()
        telemetry.compaction_bytes_before.inc(answer.before_bytes)
        telemetry.compaction_bytes_after.inc(answer.after_bytes)
        for rule, reason, count in answer.removed:
            telemetry.compacted_events.labels(rule, reason).inc(count)

    def _fail(self, found: Sealed | None, why: str) -> None:
        self.service.pipeline.telemetry.compaction_failures.inc()
        folder = self.service.pipeline.journal.folder.journal
        first_lsn, named = (found.first_lsn, found.segment.path) if found else (0, folder)
        self._failed[first_lsn] = self.service.pipeline.clock() + _AGAIN_SECONDS
        if first_lsn not in self._told:
            self._told.add(first_lsn)
            _log.warning("%s could not be compacted, it is tried again: %s", named, why)


def _neighbours(found: Sealed, known: Sequence[Sealed]) -> list[int]:
    """First commits of the segments that hold what was received little before or after."""
    near = [
        each.first_lsn
        for each in known
        if each is not found
        and each.received >= found.begun - _STORY_SECONDS
        and each.begun <= found.received + _STORY_SECONDS
    ]
    last = known[-1]
    if last.received <= found.received + _STORY_SECONDS:
        near.append(last.last_lsn + 1)  # the one that is written to
    return near
