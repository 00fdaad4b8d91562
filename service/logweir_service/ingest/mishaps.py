"""Events that a receipt does not accept: the log names who loses them, and what to do, once a minute."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from logweir_service.decode import Rejection
from logweir_service.pipeline import Receipt

from .brake import Brake

_log = logging.getLogger("logweir_service.ingest")

_SERVICE: Final = re.compile(rb'"service"\s*:\s*"([a-z0-9][a-z0-9_.-]{0,63})"')
_SEARCHED_BYTES: Final = 1024
"""Where the service of a refused event is looked for: it may be no JSON at all."""


class Mishaps:
    """Tells of rejected events, of holes in a stream's numbers, and of what a sender says it dropped."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._brake = Brake(_log.warning, others="other services and addresses", clock=clock)

    def tell(self, sender: str, receipt: Receipt) -> None:
        """Say what of a body was not stored, unless that was said of its service within the last minute."""
        if receipt.rejections:
            self._tell_rejected(sender, receipt)
        if receipt.never_sent:
            self._brake.tell(
                _subject(receipt.service, sender),
                f"stream {receipt.stream} left out {receipt.never_sent} numbers: these events are lost "
                "(never_sent); a sender has to tell what it drops with _lost",
                kind="events were never sent",
                count=receipt.never_sent,
            )
        if receipt.dropped_by_sender:
            self._brake.tell(
                _subject(receipt.service, sender),
                f"dropped {receipt.dropped_by_sender} events before they were sent (dropped_by_sender); "
                "see why this service was away or slow, or let the sender's queue be larger",
                kind="events were dropped before they were sent",
                count=receipt.dropped_by_sender,
            )

    def _tell_rejected(self, sender: str, receipt: Receipt) -> None:
        first: dict[tuple[str, str], Rejection] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for rejection in receipt.rejections:
            key = (_service(rejection) or receipt.service, rejection.code)
            first.setdefault(key, rejection)
            counts[key] += 1
        for (service, code), count in counts.items():
            self._brake.tell(
                _subject(service, sender),
                f"{count} events were rejected as {code} ({first[service, code].message}); mend the sender, "
                f"and see them with `logweir dead ls --code {code}`",
                kind=f"events were rejected as {code}",
                count=count,
            )


def _service(rejection: Rejection) -> str:
    found = _SERVICE.search(rejection.line, 0, _SEARCHED_BYTES)
    return found[1].decode() if found else ""


def _subject(service: str, sender: str) -> str:
    return f"service {service} at {sender}" if service else f"an unnamed service at {sender}"
