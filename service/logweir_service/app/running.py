"""A service from recovery to the last checkpoint."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from logweir_service.errors import RecoveryStopped, UnknownFormat
from logweir_service.journal import Position, verify
from logweir_service.pipeline import Resumed

from .compacting import LOOK_SECONDS, Compaction
from .composition import Service

_log = logging.getLogger("logweir_service")


_PROMOTION_STOP_SECONDS = 5
"""How long a slow Sentry server may hold up the end; what it has not taken is sent after the next start."""

_LOOK_SECONDS = 0.1
"""How often it is asked meanwhile whether that shall be cut short."""


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Recover, commit and promote for as long as the context lasts; then drain and let the folder go.

    A service that is told to stop while it recovers does so between two batches, and nothing after it.
    """
    pipeline = service.pipeline
    loop = asyncio.get_running_loop()
    committing = None
    background: list[asyncio.Task[None]] = []
    verifying = threading.Event()
    try:
        if resumed := await _recover(service):
            _tell(service, resumed)
            committing = asyncio.create_task(pipeline.run())
            if service.sentry != "unusable":
                service.promotion.start()
            background = [*map(asyncio.create_task, (_compaction(service).run(), service.indexing.run()))]
            if resumed.covered is not None:
                loop.run_in_executor(None, _verify, service, resumed.covered, verifying)
        yield
    finally:
        service.stopping = True
        verifying.set()
        for task in background:
            task.cancel()
        if background:
            await asyncio.wait(background)
        pipeline.drain()
        if committing is not None:
            await committing
            await _stop_promotion(service)
        pipeline.close()


def _compaction(service: Service) -> Compaction:
    after_seconds = service.settings.compact_after_hours * 3600
    return Compaction(
        service, rules=lambda: service.rules, after_seconds=after_seconds, look_seconds=LOOK_SECONDS
    )


async def _recover(service: Service) -> Resumed | None:
    """Read the journal; None where a stop was asked for meanwhile."""
    recover = partial(
        service.pipeline.recover,
        service.rules,
        reset_counters=service.reset_counters,
        stopping=lambda: service.stopping,
    )
    try:
        return await asyncio.get_running_loop().run_in_executor(None, recover)
    except RecoveryStopped as stopped:
        _log.info("told to stop before it was ready (%s): the next start begins where this one did", stopped)
        return None


async def _stop_promotion(service: Service) -> None:
    """Let promotion end in order, for a while; who asks twice to stop waits no longer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PROMOTION_STOP_SECONDS
    while not await loop.run_in_executor(None, service.promotion.stop, _LOOK_SECONDS):
        if service.hurried or loop.time() >= deadline:
            _log.warning("Sentry did not answer in time; what it has not taken is sent after the next start")
            return


def _verify(service: Service, covered: Position, stopping: threading.Event) -> None:
    """Look for damage in what the start has not read, because a checkpoint covers it."""
    journal = service.pipeline.journal

    try:
        verify(
            journal.folder.journal,
            journal.identifier,
            upto=covered,
            disk=journal.folder.disk,
            stopping=stopping,
            tell=service.pipeline.keeper.tell_damage,
        )
    except (OSError, UnknownFormat) as fault:
        _log.warning("old segments cannot be verified: %s", fault)


def _tell(service: Service, resumed: Resumed) -> None:
    settings, found = service.settings, resumed.journal
    begin = f"commit {resumed.checkpoint_lsn + 1}" if resumed.checkpoint_lsn else "the beginning"
    why = service.why_not_ready()
    _log.info(
        "logweir %s %s: data in %s (read %d events in %d batches from %s on), "
        "%d metrics from rules %s, Sentry %s",
        version("logweir"),
        "takes no events yet" if why else "is ready",
        settings.data,
        found.events,
        found.batches,
        begin,
        len(service.rules.metrics),
        settings.rules,
        service.sentry,
    )
    if why and not service.stopping:
        service.pipeline.refuse(why)
    if found.torn_tail_bytes:
        _log.warning("cut %d bytes of a torn batch that was never acknowledged", found.torn_tail_bytes)
    for line in found.missing:
        _log.error("%s", line)
    for line in resumed.unusable:
        _log.error("%s; more of the journal was read instead", line)
    if resumed.reset:
        level = logging.WARNING if service.reset_counters else logging.ERROR
        _log.log(level, "all counters begin at 0 again: %s", resumed.reset)
