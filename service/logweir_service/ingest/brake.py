"""A brake for the log: of one subject there is one line a minute, with the number of what was held back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

QUIET_SECONDS: Final = 60.0
"""Of one subject and kind there is one line in this time."""

MAX_SUBJECTS: Final = 1000
"""Subjects that are told apart; all others share one line of a kind. So many may come in a minute."""

_OTHERS: Final = ""


@dataclass(slots=True)
class _Quiet:
    until: float
    held_back: int = 0


class Brake:
    """Tells `say` of one subject once a minute, however much happens to it; a crowd of them costs little."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        others: str,
        clock: Callable[[], float] = time.monotonic,
        max_subjects: int = MAX_SUBJECTS,
    ) -> None:
        self._say = say
        self._others = others
        self._clock = clock
        self._max_subjects = max_subjects
        self._quiet: dict[tuple[str, str], _Quiet] = {}
        """By subject and kind, in the order in which they may be named again."""

    def tell(self, subject: str, what: str, *, kind: str, count: int = 1) -> None:
        """Say `what` happened to a subject, unless something of this kind was said within the last minute.

        Then its `count` is said later, as so many ``more KIND``.
        """
        now = self._clock()
        known = (subject, kind) in self._quiet or len(self._quiet) < self._max_subjects
        key = (subject if known else _OTHERS, kind)
        quiet = self._quiet.get(key)
        if quiet is not None and now < quiet.until:
            quiet.held_back += count
        else:
            before = self._begin(key, now)
            self._say(f"{subject}: {what}" + (f"; {before} more before" if before else ""))
        self._tell_held_back(now)

    def _begin(self, key: tuple[str, str], now: float) -> int:
        """Hold back what comes of a subject from now on; returns how many were held back until now."""
        before = self._quiet.pop(key, None)
        self._quiet[key] = _Quiet(now + QUIET_SECONDS)
        return before.held_back if before else 0

    def _tell_held_back(self, now: float) -> None:
        """Forget the subjects that were quiet for long enough, or say how much was held back of them."""
        while True:
            key, quiet = next(iter(self._quiet.items()))
            if now < quiet.until:
                return
            if not quiet.held_back:
                del self._quiet[key]
                continue
            before = self._begin(key, now)
            subject, kind = key
            self._say(f"{subject or self._others}: {before} more {kind}")
