"""The owner's side of a search: asks a child, and keeps to the deadline whatever becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from logweir_service.errors import JobLate, Refusal
from logweir_service.find import Found, Looked, Place, Search, Spans

from .child import Children
from .scan import Job, read

_MAX_WAITING: Final = 50
"""Searches that have no child yet; more could not be served before their deadlines."""

_RESERVE_SECONDS: Final = 0.2
"""What a child leaves of its time to end and be read."""


class Searching:
    """Looks through a journal in child processes, a few at a time; others wait for as long as they may."""

    def __init__(
        self,
        children: Children,
        folder: Path,
        *,
        last_lsn: Callable[[], int],
        spans: Callable[[], Spans] = dict,
    ) -> None:
        """Look through the segments in `folder`; `spans` reads when the events of some of them were."""
        self._children = children
        self._folder = folder
        self._last_lsn = last_lsn
        self._spans = spans
        self._waiting = 0

    @asynccontextmanager
    async def __call__(self, search: Search) -> AsyncIterator[AsyncIterator[Found | Looked]]:
        """What `find.Scan` gives, as it comes; the context ends the child.

        The last is always a `Looked`: it says ``partial`` where the time was too short.

        Raises:
            Refusal: 503, there was no place for it in time.
            JobFailed: while it is read.
        """
        deadline = time.monotonic() + search.seconds
        if self._waiting >= _MAX_WAITING:
            raise _busy()
        self._waiting += 1
        is_waiting = True
        try:
            has_range = search.since is not None or search.until is not None
            known = await asyncio.to_thread(self._spans) if has_range else {}
            running = self._children.run(
                self._job(search, deadline, known), deadline_seconds=deadline - time.monotonic()
            )
            async with running as lines:
                self._waiting -= 1
                is_waiting = False
                yield _all(lines, search)
        except JobLate:
            raise _busy() from None
        finally:
            self._waiting -= is_waiting

    def _job(self, search: Search, deadline: float, known: Spans) -> dict[str, Any]:
        job = Job(
            folder=str(self._folder),
            text=search.text,
            where=search.where,
            since=search.since,
            until=search.until,
            before=None if search.before is None else str(search.before),
            limit=search.limit,
            deadline=deadline - min(_RESERVE_SECONDS, search.seconds / 4),
            last_lsn=self._last_lsn(),
            spans=[(first_lsn, oldest, newest) for first_lsn, (oldest, newest) in known.items()],
        )
        built: dict[str, Any] = msgspec.to_builtins(job)
        return built


async def _all(lines: AsyncIterator[bytes], search: Search) -> AsyncIterator[Found | Looked]:
    """What the lines say; an end of its own where the child was too late to tell one."""
    looked = Looked(0, 0, None, 0.0, search.before or Place.newest(), None)
    try:
        async for line in lines:
            each = read(line)
            looked = each if isinstance(each, Looked) else replace(looked, next=each.place)
            yield each
    except JobLate:
        yield replace(looked, partial="deadline")


def _busy() -> Refusal:
    message = "too many searches at once; try again soon"
    return Refusal(503, "busy", message, retry_after_seconds=2)
