"""Standard output as a transport: one write per line, no thread, nothing kept."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import Any, Final

from logweir.fork import after_fork_in_child
from logweir.notices import Notices
from logweir.tally import Tally

MAX_STALL_SECONDS: Final = 1.0
"""How long a full, non-blocking pipe is waited for before an event is dropped."""


class StdoutTransport:
    """Writes each event whole to a file descriptor.

    A pipe whose reader stalls blocks the writer, unless the descriptor is non-blocking: then the event is
    dropped and counted after `MAX_STALL_SECONDS`, and all later ones at once until there is room. A line
    that was begun is always finished before the next.
    """

    def __init__(self, *, fd: int = 1, notices: Notices | None = None) -> None:
        self._fd = fd
        self._notices = notices or Notices()
        self._last_error: str | None = None
        self._reset()
        after_fork_in_child(self._reset)

    def _reset(self) -> None:
        """What a forked child does too: its parent may hold the locks, and finishes the line it began."""
        self._lock = threading.RLock()
        self._tally = Tally()
        self._busy = self._stalled = False
        self._waiting: deque[tuple[bytes, str]] = deque()
        self._rest = b""
        self._emitted = 0

    def put(self, line: bytes, level: str) -> None:
        """Write one line. An event made while one is written (by a signal handler) is written after it."""
        with self._lock:
            self._emitted += 1
            if self._busy:
                self._waiting.append((line, level))
                return
            self._busy = True
            try:
                self._write(line, level)
                while self._waiting:
                    self._write(*self._waiting.popleft())
            finally:
                self._busy = False

    def flush(self, timeout_seconds: float) -> bool:
        """Finish a line that a full pipe cut short; everything else is written already."""
        with self._lock:
            if self._rest and not self._busy:
                self._write_all(self._rest, begun=len(self._rest), wait_seconds=timeout_seconds)
            return not self._rest

    def close(self, timeout_seconds: float) -> bool:
        """The same as flush: the descriptor is not ours to close."""
        return self.flush(timeout_seconds)

    def stats(self) -> dict[str, Any]:
        """What became of the events so far."""
        dropped = self._tally.by_reason()
        lost = sum(sum(levels.values()) for levels in dropped.values())
        return {
            "transport": "stdout",
            "emitted": self._emitted,
            "sent": self._emitted - lost,
            "queued": 0,
            "dropped": dropped,
            "last_error": self._last_error,
        }

    def _write(self, line: bytes, level: str) -> None:
        wait_seconds = 0 if self._stalled else MAX_STALL_SECONDS
        data = self._rest + line if self._rest else line
        if not self._write_all(data, begun=len(self._rest), wait_seconds=wait_seconds):
            self._tally.add("stdout", level)
            self._notices.say(
                "stdout", f"an event could not be written to standard output: {self._last_error}"
            )

    def _write_all(self, data: bytes, *, begun: int, wait_seconds: float) -> bool:
        """Write `data`, of which the first `begun` bytes end a line begun earlier.

        False where nothing of the new line was written; a new line written in part is kept to be finished.
        """
        written = 0
        deadline: float | None = None
        while written < len(data):
            try:
                written += os.write(self._fd, data[written:] if written else data)
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + wait_seconds
                if now < deadline:
                    select.select([], [self._fd], [], deadline - now)
                    continue
                self._last_error = "the reader does not read"
                break
            except OSError as fault:
                self._last_error = f"{type(fault).__name__}: {fault.strerror}"
                break
        self._stalled = written < len(data)
        new_line_begun = written > begun or len(data) == begun
        self._rest = data[written:] if new_line_begun else data[written:begun]
        return new_line_begun
