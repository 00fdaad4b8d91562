"""The way to one Sentry server, which rests as a whole: what one event meets, the next would meet too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from logweir_service.promote.answer import Outcome

FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 300.0

log = logging.getLogger(__name__)


class EventSender(Protocol):
    """Sends one Sentry event at a time; blocking."""

    def send(self, event: dict[str, Any]) -> Outcome:
        """Say what became of it; no fault of network or server is raised."""

    def close(self) -> None:
        """Let the connection go."""


class Route:
    """Sends events one at a time and keeps the pauses that the server asks for or its faults suggest."""

    def __init__(
        self, sender: EventSender, *, clock: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._jitter = jitter
        self._faults = 0
        self._paused_at = self._pause = 0.0
        self.retries = 0
        self.trouble = ""
        """Why it does not deliver; empty while it does."""

    def rest_seconds(self) -> float:
        """For how long nothing may be sent; 0 where it is open."""
        elapsed = self._clock() - self._paused_at
        return self._pause - elapsed if 0 <= elapsed < self._pause else 0.0

    def send(self, event: dict[str, Any]) -> Outcome:
        """Send `event` now; after the verdict ``again`` it is to be sent again once the route is open."""
        outcome = self._sender.send(event)
        if outcome.verdict == "again":
            self.retries += 1
            self._complain(outcome.reason)
            pause = outcome.pause_seconds
            self._pause = self._backoff_seconds() if pause is None else pause
        else:
            self._faults = 0
            self._complain("")
            self._pause = outcome.pause_seconds or 0.0
        self._paused_at = self._clock()
        return outcome

    def close(self) -> None:
        """Send nothing more."""
        self._sender.close()

    def _backoff_seconds(self) -> float:
        longest = min(FIRST_BACKOFF_SECONDS * 2.0**self._faults, MAX_BACKOFF_SECONDS)
        self._faults = min(self._faults + 1, 32)
        return longest * (0.5 + self._jitter() / 2)

    def _complain(self, reason: str) -> None:
        if reason and reason != self.trouble:
            log.warning("Sentry does not take events now (%s); they are kept and sent later", reason)
        elif self.trouble and not reason:
            log.info("Sentry takes events again")
        self.trouble = reason
