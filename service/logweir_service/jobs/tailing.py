"""The live tails of a service: a few at once, which together take little of its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from logweir_service.errors import Refusal
from logweir_service.find import POLL_SECONDS, Dropped, Followed, Place, Query, Tail
from logweir_service.find.query.tail import Reader

MAX_TAILS: Final = 32

_STEP_SECONDS: Final = 0.05
"""What all tails together may take of each `POLL_SECONDS`; one batch of each is looked at in any case."""

_log = logging.getLogger("logweir_service.tail")


class Tails:
    """Follows the journal for people who watch; all of it happens in one thread, one step at a time."""

    def __init__(self, reader: Reader, *, stopping: Callable[[], bool]) -> None:
        self.open = 0
        """How many there are."""
        self.dropped = 0
        """Events that some of them have passed over unseen."""
        self._reader = reader
        self._stopping = stopping
        self._thread = ThreadPoolExecutor(1, "tail")

    @asynccontextmanager
    async def follow(self, query: Query, after: Place | None) -> AsyncIterator[AsyncIterator[Followed]]:
        """What is new behind a place, or from now on, four times a second; ends when the service stops.

        Raises:
            Refusal: 503, there are too many already.
        """
        if self.open >= MAX_TAILS:
            message = f"{MAX_TAILS} tails are open already; close one"
            raise Refusal(503, "too_many_tails", message, retry_after_seconds=10)
        self.open += 1
        try:
            yield self._polled(query, after)
        finally:
            self.open -= 1

    async def _polled(self, query: Query, after: Place | None) -> AsyncIterator[Followed]:
        loop = asyncio.get_running_loop()
        tail = await loop.run_in_executor(self._thread, self._begin, query, after)
        while not self._stopping():
            try:
                told = await loop.run_in_executor(self._thread, tail.poll)
            except OSError as fault:
                _log.warning("a live tail ends, the journal cannot be read: %s", fault)
                return
            self.dropped += sum(each.count for each in told if isinstance(each, Dropped))
            yield Followed(told, tail.place)
            await asyncio.sleep(POLL_SECONDS)

    def _begin(self, query: Query, after: Place | None) -> Tail:
        return Tail(self._reader, query, after=after, step_seconds=lambda: _STEP_SECONDS / max(self.open, 1))
