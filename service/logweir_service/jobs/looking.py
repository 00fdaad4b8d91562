"""The owner's side of a look-up by an id: done at once where it is small, and else by a child."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from logweir_service.errors import JobFailed, JobLate, Refusal
from logweir_service.find import MAX_SECONDS, Asked, Catalogue, Page, Stories

from .child import Children
from .story import Job, read

_RESERVE_SECONDS: Final = 0.5
"""What a child leaves of its time to hand over what it has found."""


class Looking:
    """Looks events up in a journal without holding up whoever else uses the process."""

    def __init__(
        self, stories: Stories, catalogue: Catalogue, children: Children, *, last_lsn: Callable[[], int]
    ) -> None:
        self._stories = stories
        self._catalogue = catalogue
        self._children = children
        self._last_lsn = last_lsn

    async def __call__(self, asked: Asked, *, seconds: float = MAX_SECONDS) -> Page:
        """The page that is asked for, or what was found of it in time.

        Raises:
            Refusal: 503, a child could not do it; the log says why.
        """
        deadline = time.monotonic() + seconds
        page = await asyncio.get_running_loop().run_in_executor(None, self._at_once, asked, deadline)
        return page if page is not None else await self._by_child(asked, deadline)

    def _at_once(self, asked: Asked, deadline: float) -> Page | None:
        """None where it reads too much."""
        plan = self._stories.plan(asked)
        if plan.is_heavy:
            return None
        return self._stories.read(plan, is_late=partial(_is_past, deadline))

    async def _by_child(self, asked: Asked, deadline: float) -> Page:
        seconds = deadline - time.monotonic()
        job = Job(
            journal=self._catalogue.journal,
            folder=str(self._catalogue.folder),
            index=str(self._catalogue.index),
            asked=asked,
            last_lsn=self._last_lsn(),
            deadline=deadline - min(_RESERVE_SECONDS, seconds / 4),
        )
        built: dict[str, Any] = msgspec.to_builtins(job)
        try:
            async with self._children.run(built, deadline_seconds=seconds) as lines:
                return read([line async for line in lines])
        except JobLate:
            return Page((), None, "deadline")
        except JobFailed:
            message = "the look-up could not be done; the service's log says why"
            raise Refusal(503, "search_failed", message, retry_after_seconds=5) from None


def _is_past(deadline: float) -> bool:
    return time.monotonic() >= deadline
