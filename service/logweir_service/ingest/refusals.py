"""Requests that are refused: all are counted, and the log names each sender once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_log = logging.getLogger("logweir_service.ingest")

QUIET_SECONDS: Final = 60.0
"""Of one address there is one line in this time, with the number of those that were held back."""

MAX_SENDERS: Final = 1000
"""Addresses that are told apart; all others share one line. So many may come in a minute, and no more."""

_OTHERS: Final = ""


@dataclass(slots=True)
class _Quiet:
    until: float
    held_back: int = 0


class Refusals:
    """Counts by status, and tells, whatever it is that was refused: a head, a body, or half a body.

    `count` is told each status.
    """

    def __init__(
        self,
        count: Callable[[int], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        max_senders: int = MAX_SENDERS,
    ) -> None:
        self.count = count
        self._clock = clock
        self._max_senders = max_senders
        self._quiet: dict[str, _Quiet] = {}
        """By address, in the order in which they may be named again."""

    def tell(self, sender: str, what: str) -> None:
        """Say `what` became of a request, unless its `sender` was named within the last minute."""
        now = self._clock()
        key = sender if sender in self._quiet or len(self._quiet) < self._max_senders else _OTHERS
        quiet = self._quiet.get(key)
        if quiet is not None and now < quiet.until:
            quiet.held_back += 1
        else:
            before = self._begin(key, now)
            _log.info("a sender at %s: %s%s", sender, what, f"; {before} more before" if before else "")
        self._tell_held_back(now)

    def _begin(self, key: str, now: float) -> int:
        """Hold back what comes from an address from now on; returns how many were held back until now."""
        before = self._quiet.pop(key, None)
        self._quiet[key] = _Quiet(now + QUIET_SECONDS)
        return before.held_back if before else 0

    def _tell_held_back(self, now: float) -> None:
        """Forget the addresses that were quiet for long enough, or say how many were held back of them."""
        while True:
            key, quiet = next(iter(self._quiet.items()))
            if now < quiet.until:
                return
            if not quiet.held_back:
                del self._quiet[key]
                continue
            before = self._begin(key, now)
            _log.info("a sender at %s: %d more requests were refused", key or "other addresses", before)
