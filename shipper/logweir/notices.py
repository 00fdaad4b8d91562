"""The shipper's own diagnostics: one line a minute for each kind, on stderr, never through `logging`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final

INTERVAL_SECONDS: Final = 60.0


class Notices:
    """Says things to the people who run the application, without ever flooding or failing."""

    def __init__(
        self,
        *,
        write: Callable[[bytes], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or _write_to_stderr
        self._clock = clock
        self._next: dict[str, float] = {}

    def say(self, kind: str, text: str) -> None:
        """Write one line ``logweir: text``, unless this kind was written within the last minute."""
        now = self._clock()
        if now < self._next.get(kind, now):
            return
        self._next[kind] = now + INTERVAL_SECONDS
        with contextlib.suppress(OSError):
            self._write(f"logweir: {' '.join(text.split())}\n".encode("utf-8", "replace"))


def _write_to_stderr(line: bytes) -> None:
    os.write(2, line)
