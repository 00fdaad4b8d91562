"""Scrapes: each is a view between two batches, written while events come in."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from logweir_service.decode import Turns
from logweir_service.derive import View

from .moments import Moments

GZIP_LEVEL: Final = 1
"""A page is a fifth larger than at level 6, and takes a fourth of the time."""

_GZIP_WINDOW_BITS: Final = 31

Page = Sequence[bytes]
"""A page in parts."""

_Kind = tuple[bool, bool]
"""Whether it is OpenMetrics, and whether it is compressed."""


Writing = Generator[None, None, Page]
"""Writes a page in steps of some milliseconds."""


class Look(Protocol):
    """Sees everything that a scrape shows, as it is at the call."""

    def __call__(self, *, openmetrics: bool) -> Writing:
        """Return the steps that write it."""


def written(view: View, own: bytes) -> Writing:
    """Write a view of the derived series, and the service's own metrics behind it."""
    parts: list[bytes] = []
    yield from view.write(parts)
    return [*parts, own]


@dataclass(slots=True, eq=False)
class _Scrape:
    """One page in the making, and how many wait for it."""

    making: asyncio.Task[Page]
    waiting: int = 0


@dataclass(slots=True)
class Scrapes:
    """Makes pages, one after the other.

    Whoever comes before a page's moment shares that page; whoever comes later gets a later one, since it must
    show what was acknowledged before it was asked for. A page for which nobody waits any more is given up.
    """

    look: Look
    moments: Moments
    _turns: Turns = field(default_factory=Turns)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next: dict[_Kind, _Scrape] = field(default_factory=dict)

    async def page(self, *, openmetrics: bool, gzip: bool) -> Page:
        """Everything that a scrape gets, whole, as it was at one moment after the call."""
        kind = (openmetrics, gzip)
        scrape = self._next.get(kind)
        if scrape is None:
            making = asyncio.get_running_loop().create_task(self._make(kind))
            scrape = self._next[kind] = _Scrape(making)
        scrape.waiting += 1
        try:
            return await asyncio.shield(scrape.making)
        finally:
            scrape.waiting -= 1
            if not scrape.waiting:
                if self._next.get(kind) is scrape:
                    del self._next[kind]
                scrape.making.cancel()

    async def _make(self, kind: _Kind) -> Page:
        openmetrics, gzip = kind

        def look() -> Writing:
            del self._next[kind]  # who comes from now on shares the next
            return self.look(openmetrics=openmetrics)

        async with self._one:
            parts = await self._turns.take(await self.moments.look(look))
            return await asyncio.to_thread(_compressed, parts) if gzip else parts


def _compressed(parts: Page) -> Page:
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW_BITS)
    packed = [compressor.compress(part) for part in parts]
    return [part for part in (*packed, compressor.flush()) if part]
