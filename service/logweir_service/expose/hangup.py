"""Ends work whose asker is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

_T = TypeVar("_T")


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T | None:
    """What `work` returns; it is cancelled, and None returned, where the client hangs up first."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.wait({working})
        return None
    finally:
        gone.cancel()
        working.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class ClosedStream(StreamingResponse):
    """Streams what a generator gives behind its first part, and closes it where the client hangs up."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], **more: Any) -> None:
        super().__init__(_chained(first, rest), **more)
        self._rest = rest

    async def stream_response(self, send: Send) -> None:
        """Send all of it."""
        async with aclosing(self._rest):
            await super().stream_response(send)


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for part in rest:
        yield part
