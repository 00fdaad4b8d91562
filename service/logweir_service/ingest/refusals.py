"""Requests that are refused: all are counted, and the log names each sender once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from .brake import MAX_SUBJECTS, Brake

_log = logging.getLogger("logweir_service.ingest")

_REFUSED: Final = "requests were refused"


class Refusals:
    """Counts by status and code, and tells, whatever it is that was refused: a head, a body, or half a body.

    `count` is told each status and code.
    """

    def __init__(
        self,
        count: Callable[[int, str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        max_senders: int = MAX_SUBJECTS,
    ) -> None:
        self.count = count
        self._brake = Brake(
            _log.info, others="a sender at other addresses", clock=clock, max_subjects=max_senders
        )

    def tell(self, sender: str, what: str, *, service: str = "") -> None:
        """Say `what` became of a request, unless its `sender` was named within the last minute.

        Each `service` behind an address is a sender of its own, where it is known.
        """
        subject = f"a sender of {service} at {sender}" if service else f"a sender at {sender}"
        self._brake.tell(subject, what, kind=_REFUSED)
