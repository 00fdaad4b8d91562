"""What the log says of a disk that takes no events: when that begins, and when it ends."""

from __future__ import annotations

import logging

_log = logging.getLogger("logweir_service.pipeline")


class Taking:
    """Tells each turn once, however many bodies meet the same fault."""

    def __init__(self) -> None:
        self._refuses = False

    def refused(self, why: str) -> None:
        """A group was refused."""
        if not self._refuses:
            self._refuses = True
            _log.error("events are refused with 503, their senders keep them: %s", why)

    def took(self) -> None:
        """A group was made durable."""
        if self._refuses:
            self._refuses = False
            _log.warning("events are taken again")
