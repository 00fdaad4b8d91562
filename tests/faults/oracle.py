"""What the senders were promised, and what may have become true without a promise."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection
from contextlib import contextmanager


class Oracle:
    """Events by key: their stream and number, or their `event_id`."""

    def __init__(self) -> None:
        self.batches = 0
        """Answers of 200."""
        self.faults: list[str] = []
        """What an answer or a scrape should never have said, and what was found on the disk."""
        self._lock = threading.Lock()
        self._acknowledged: set[str] = set()
        self._in_doubt: set[str] = set()
        self._by_service: Counter[str] = Counter()

    def sends(self, keys: Collection[str]) -> None:
        """These leave their sender now; until they are acknowledged nobody knows what becomes of them."""
        with self._lock:
            self._in_doubt.update(key for key in keys if key not in self._acknowledged)

    def is_told(self, keys: Collection[str]) -> None:
        """A 200 came back for these."""
        with self._lock:
            self.batches += 1
            fresh = {*keys} - self._acknowledged
            self._acknowledged.update(fresh)
            self._in_doubt.difference_update(fresh)
            self._by_service.update(service_of(key) for key in fresh)

    def blame(self, fault: str) -> None:
        """Take note of something that must not happen."""
        with self._lock:
            if len(self.faults) < 20:
                self.faults.append(fault)

    def acknowledged(self) -> set[str]:
        """Every event that must be stored once."""
        with self._lock:
            return set(self._acknowledged)

    def in_doubt(self) -> set[str]:
        """Every event that may be stored once."""
        with self._lock:
            return set(self._in_doubt)

    def acknowledged_by_service(self) -> Counter[str]:
        """How many of each service the next scrape must show at least."""
        with self._lock:
            return Counter(self._by_service)


def service_of(key: str) -> str:
    """The service whose event this is."""
    return key.partition(".")[0]


class Gate:
    """Keeps requests back while it is shut."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open = True
        self._inside = 0

    @contextmanager
    def passing(self):
        """Wait until the gate is open, and be inside for as long as the context lasts."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_open)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @property
    def is_shut(self) -> bool:
        """Whether requests are kept back."""
        return not self._is_open

    def shut(self) -> None:
        """Keep out who comes, and wait until nobody is inside."""
        with self._changed:
            self._is_open = False
            if not self._changed.wait_for(lambda: self._inside == 0, 60):
                raise TimeoutError("a request was neither answered nor cut off within 60 s")

    def open(self) -> None:
        """Let requests pass."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()
