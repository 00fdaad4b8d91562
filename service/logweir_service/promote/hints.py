"""What the pipeline tells of new commits, so that they need not be read again to find nothing in them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

MAX_TOLD: Final = 10_000
"""Commits with something to promote that are remembered; beyond that, forgetting costs only a second look."""


class Hints:
    """Knows, for an unbroken run of the newest commits, which of them hold something to promote.

    What it does not know has to be read: it saves work and never decides. Told from one thread, asked from
    another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = self._next = 0  # it knows the commits from first on, before next
        self._wanted: deque[tuple[int, int]] = deque()

    def tell(self, lsn: int, events: int) -> None:
        """Commit `lsn` holds this number of events to promote; commits are told in order."""
        with self._lock:
            if lsn != self._next or len(self._wanted) >= MAX_TOLD:
                self._first = lsn
                self._wanted.clear()
            self._next = lsn + 1
            if events:
                self._wanted.append((lsn, events))

    def skip(self, lsn: int) -> int:
        """The first commit from `lsn` on that has to be read; where none is known, the next to come."""
        with self._lock:
            if not self._first <= lsn < self._next:
                return lsn
            while self._wanted and self._wanted[0][0] < lsn:
                self._wanted.popleft()
            return self._wanted[0][0] if self._wanted else self._next

    def beyond(self, lsn: int) -> int:
        """How many events to promote are known of in commits after `lsn`."""
        with self._lock:
            return sum(events for told, events in self._wanted if told > lsn)
