"""Events that report the same thing several times, counted once."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

REMEMBERED_SECONDS: Final = 600.0
"""How long a value is known: the layers of an application report an exception within moments."""

MAX_REMEMBERED: Final = 10_000


class Once:
    """Which values a rule has counted lately, by service."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Any], float] = {}

    def is_first(self, service: str, value: Any, received: float) -> bool:
        """Whether a value of a service was not seen within the last ten minutes; it is from now on."""
        if not isinstance(value, str | int):
            return True
        key = (service, value)
        before = self._seen.get(key)
        if before is not None and received - before <= REMEMBERED_SECONDS:
            return False
        self._seen.pop(key, None)
        self._seen[key] = received
        if len(self._seen) > MAX_REMEMBERED:
            for oldest in [*islice(self._seen, MAX_REMEMBERED // 100)]:
                del self._seen[oldest]
        return True

    def move(self, received: float) -> None:
        """Forget what is too old."""
        overdue = []
        for key, seen in self._seen.items():
            if received - seen <= REMEMBERED_SECONDS:
                break
            overdue.append(key)
        for key in overdue:
            del self._seen[key]

    def dump(self) -> list[Any]:
        """All of it, for a checkpoint."""
        return [[service, value, seen] for (service, value), seen in self._seen.items()]

    def restore(self, state: list[Any]) -> None:
        """Begin with what a checkpoint holds."""
        self._seen = {(service, value): seen for service, value, seen in state}
