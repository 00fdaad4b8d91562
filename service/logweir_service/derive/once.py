"""Events that report the same thing several times, counted once."""

from __future__ import annotations

from typing import Any, Final

from .remembered import Remembered

REMEMBERED_SECONDS: Final = 600.0
"""How long a value is known: the layers of an application report an exception within moments."""


class Once:
    """Which values a rule has counted lately, by service."""

    def __init__(self) -> None:
        self._seen = Remembered()

    def is_first(self, service: str, value: Any, received: float) -> bool:
        """Whether a value of a service was not seen within the last ten minutes; it is from now on."""
        if not isinstance(value, str | int):
            return True
        before = self._seen.when(service, value)
        if before is not None and received - before <= REMEMBERED_SECONDS:
            return False
        self._seen.tell(service, value, received)
        return True

    def move(self, received: float) -> None:
        """Forget what is too old."""
        self._seen.move(before=received - REMEMBERED_SECONDS, now=received)

    def dump(self) -> list[Any]:
        """All of it, for a checkpoint."""
        return [[*each] for each in self._seen]

    def restore(self, state: list[Any]) -> None:
        """Begin with what a checkpoint holds."""
        self._seen.restore(state)
