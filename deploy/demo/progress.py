"""How far the traffic is: one line that changes on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from deploy.demo.traffic import Tally

BAR_WIDTH: Final = 20
PLAIN_SECONDS: Final = 5.0


@asynccontextmanager
async def progress(tally: Tally, *, seconds: float) -> AsyncIterator[None]:
    """Show `tally` while the block drives traffic for `seconds`, and once more at its end."""
    showing = asyncio.create_task(_show(tally, seconds=seconds))
    try:
        yield
    finally:
        showing.cancel()
        if sys.stdout.isatty():
            print("\r\x1b[K", end="")
    print(f"Traffic for {seconds:g} s: {tally}", flush=True)


async def _show(tally: Tally, *, seconds: float) -> None:
    terminal = sys.stdout.isatty()
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        if terminal:
            full = int(BAR_WIDTH * min(passed / seconds, 1)) if seconds else BAR_WIDTH
            print(f"\r\x1b[K[{'#' * full:{BAR_WIDTH}}] {tally}", end="", flush=True)
        else:
            print(f"  {passed:3.0f} s  {tally}", flush=True)
        await asyncio.sleep(0.1 if terminal else PLAIN_SECONDS)
