"""Counts of dropped events by reason and level, whole across threads."""

from __future__ import annotations

import threading


class Tally:
    """Every way to lose an event has a reason here."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, reason: str, level: str, count: int = 1) -> None:
        """Count `count` events of `level` as lost for `reason`."""
        with self._lock:
            self._counts[reason, level] = self._counts.get((reason, level), 0) + count

    def by_reason(self) -> dict[str, dict[str, int]]:
        """The counts as ``{reason: {level: count}}``."""
        nested: dict[str, dict[str, int]] = {}
        for (reason, level), count in sorted(self._counts.copy().items()):
            nested.setdefault(reason, {})[level] = count
        return nested
