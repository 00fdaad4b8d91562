"""How much may be kept in how much time, so that a flood of refused events costs others little."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """A bucket of bytes that fills again at a steady rate."""

    def __init__(self, *, burst_bytes: int, bytes_per_second: int, clock: Callable[[], float]) -> None:
        self._burst_bytes = burst_bytes
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._left: float = burst_bytes
        self._at = clock()

    def take(self, size: int) -> bool:
        """Whether `size` bytes more are allowed now; if so, they are taken."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._bytes_per_second, self._burst_bytes)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True
