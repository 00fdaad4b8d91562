"""How far a command is that takes a while, for people at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

_QUIET_SECONDS: Final = 1.0
"""What is done sooner needs no bar."""

_DRAW_SECONDS: Final = 0.1
_CELLS: Final = 30


class Progress:
    """A bar on a terminal's stderr, drawn from the second on; nothing where that is no terminal.

    Use it as a context manager, so that it is gone at the end, and call it with how much of `total` is done.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        stream: TextIO | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._total = max(total, 1)
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._ticks = ticks
        self._began = ticks()
        self._next = self._began + _QUIET_SECONDS
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, done: int) -> None:
        """So much is done."""
        if not self._shows:
            return
        now = self._ticks()
        if now < self._next:
            return
        self._next, self._drawn = now + _DRAW_SECONDS, True
        share = min(done / self._total, 1.0)
        left = (now - self._began) * (1 - share) / share if share else 0.0
        bar = ("#" * round(share * _CELLS)).ljust(_CELLS, ".")
        self._stream.write(f"\r\x1b[K{self._what} [{bar}] {share:4.0%}, {left:.0f} s left")
        self._stream.flush()
