"""Builds what look-ups go by in the background: a sidecar for each sealed segment, by a child, one by one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from logweir_service.disk import Disk
from logweir_service.errors import JobFailed, JobLate
from logweir_service.find import ActiveIndex, Catalogue
from logweir_service.find.index.entry import Entry
from logweir_service.jobs.child import Children
from logweir_service.jobs.index import Job, Stretch
from logweir_service.journal import sidecar_of
from logweir_service.listing import listed

LOOK_SECONDS: Final = 1.0
"""How often it is asked whether a segment has no sidecar."""

_DEADLINE_SECONDS: Final = 300.0

_AGAIN_SECONDS: Final = 600.0
"""Behind a failure, the same segment is left in peace for so long."""

_ROOM_BYTES: Final = 32 << 20
"""What a sidecar may need; where there is less to spare, events are worth more."""

_log = logging.getLogger("logweir_service.find")


@dataclass(slots=True)
class Indexing:
    """Sees to it that every sealed segment has a sidecar, and no sidecar is without its segment.

    A failure is logged and counted, and tried again later; until then the segment is scanned.
    """

    catalogue: Catalogue
    index: ActiveIndex
    disk: Disk
    has_room: Callable[[int], bool]
    look_seconds: float = LOOK_SECONDS
    ticks: Callable[[], float] = time.monotonic
    builds: int = 0
    failures: int = 0
    _children: Children = field(default_factory=lambda: Children(1))
    _not_before: dict[int, float] = field(default_factory=dict)
    """When to try again, by first commit."""

    async def run(self) -> None:
        """Learn what stands in the active segment, then build what is missing, and look again; never ends."""
        await self._fill()
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.look_seconds)
            try:
                await loop.run_in_executor(None, self._tidy)
                while entry := await loop.run_in_executor(None, self._next):
                    await self._build(entry)
            except FileNotFoundError:
                continue  # a segment was removed just now, or the data folder, of which the keeper tells
            except OSError as fault:
                _log.warning("the index cannot be looked at: %s", fault)
                await asyncio.sleep(_AGAIN_SECONDS)
            except Exception:  # noqa: BLE001 - nobody else looks at what this task raises
                _log.exception("segments are not indexed, by a fault of the service's own")
                await asyncio.sleep(_AGAIN_SECONDS)

    def missing(self) -> int:
        """How many sealed segments have no sidecar, and are scanned."""
        return sum(1 for entry in self.catalogue.known if not entry.is_newest and entry.header is None)

    def size_bytes(self) -> int:
        """Bytes of all sidecars that hold."""
        return sum(entry.sidecar_bytes for entry in self.catalogue.known)

    async def _fill(self) -> None:
        """Learn what the active segment held before this process began to take note."""
        unknown = self.index.unknown()
        if unknown is None:
            return
        first_lsn, upto = unknown
        try:
            lines = await self._ask(Job(folder=str(self.catalogue.folder), first_lsn=first_lsn, upto=upto))
        except (JobFailed, JobLate) as fault:
            self._fail(first_lsn, str(fault))
            return
        stretches = [msgspec.json.decode(line, type=Stretch) for line in lines]
        self.index.fill(first_lsn, [(each.start, frozenset(each.ids)) for each in stretches])

    def _next(self) -> Entry | None:
        """The newest segment that has no sidecar and is not left in peace."""
        if not self.has_room(_ROOM_BYTES):
            return None
        now = self.ticks()
        for entry in reversed(self.catalogue.entries()):
            waiting = self._not_before.get(entry.first_lsn, 0.0) > now
            if not entry.is_newest and entry.header is None and not waiting:
                return entry
        return None

    async def _build(self, entry: Entry) -> None:
        path = sidecar_of(self._folder, entry.first_lsn)
        unfinished = path.with_name(f"{path.name}.tmp")
        job = Job(folder=str(self.catalogue.folder), first_lsn=entry.first_lsn, sidecar=str(unfinished))
        loop = asyncio.get_running_loop()
        try:
            await self._ask(job)
            await loop.run_in_executor(None, self._put_in_place, unfinished, path)
        except (OSError, JobFailed, JobLate) as fault:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            self._fail(entry.first_lsn, str(fault))
            return
        self.builds += 1
        found = await loop.run_in_executor(None, self.catalogue.find, entry.first_lsn)
        if found is not None and found.header is None and found.identity == entry.identity:
            self._fail(entry.first_lsn, "its new index does not hold")
        else:
            self._not_before.pop(entry.first_lsn, None)

    def _put_in_place(self, unfinished: Path, path: Path) -> None:
        self.disk.replace(unfinished, path)
        self.disk.sync_folder(path.parent)

    async def _ask(self, job: Job) -> list[bytes]:
        built: dict[str, Any] = msgspec.to_builtins(job)
        async with self._children.run(built, deadline_seconds=_DEADLINE_SECONDS) as lines:
            return [line async for line in lines]

    def _tidy(self) -> None:
        """Remove sidecars whose segments are gone, and what a crash left unfinished."""
        self._folder.mkdir(exist_ok=True)
        there = {sidecar_of(self._folder, entry.first_lsn).name for entry in self.catalogue.entries()}
        for path in listed(self._folder, "*.index*"):
            if path.name not in there:
                with suppress(FileNotFoundError):
                    self.disk.unlink(path)

    def _fail(self, first_lsn: int, why: str) -> None:
        self.failures += 1
        self._not_before[first_lsn] = self.ticks() + _AGAIN_SECONDS
        told = "the segment of commit %d is not indexed, so it is scanned, until that is tried again: %s"
        _log.warning(told, first_lsn, why)

    @property
    def _folder(self) -> Path:
        assert self.catalogue.index is not None, "without a folder there is nothing to build"
        return self.catalogue.index
