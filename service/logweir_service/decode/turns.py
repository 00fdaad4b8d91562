"""Long work in short turns, between which the loop does all that others wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TypeVar, cast

_T = TypeVar("_T")

TURN_SECONDS = 0.005
"""Long enough that a body of a thousand events is done in one turn."""


class Turns:
    """Drives works that pause at each `yield`: a turn at once, all others in single file."""

    def __init__(
        self, *, seconds: float = TURN_SECONDS, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._one = asyncio.Lock()

    async def take(self, work: Generator[None, None, _T]) -> _T:
        """Do `work` to its end and return its result."""
        try:
            self._turn(work)
            while True:
                async with self._one:  # whoever waits longest is next
                    await asyncio.sleep(0)
                    self._turn(work)
        except StopIteration as end:
            return cast("_T", end.value)
        finally:
            work.close()

    def _turn(self, work: Generator[None, None, object]) -> None:
        until = self._clock() + self._seconds
        while self._clock() < until:
            next(work)
