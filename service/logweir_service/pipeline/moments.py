"""Moments in which the numbers stand still, between two batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


class Moments:
    """Lets others look at the numbers while no batch is counted in part. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._counting = False
        self._looks: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def look(self, at: Callable[[], _T]) -> _T:
        """Call `at` in the next such moment, and return or raise what it does."""
        if not self._counting:
            return at()
        seen: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._looks.append((at, seen))
        return await seen

    @contextmanager
    def counting(self) -> Iterator[Callable[[], None]]:
        """While batches are counted; the yielded call says that none is counted in part now."""
        self._counting = True
        try:
            yield self._let_look
        finally:
            self._counting = False
            self._let_look()

    def _let_look(self) -> None:
        looks, self._looks = self._looks, []
        for at, seen in looks:
            if seen.cancelled():
                continue
            try:
                seen.set_result(at())
            except Exception as fault:  # noqa: BLE001 - it is the looker's
                seen.set_exception(fault)
