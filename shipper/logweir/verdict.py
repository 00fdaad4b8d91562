"""What an answer of the service means for the batch it answers: a decision, no effect."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

FIRST_DELAY_SECONDS: Final = 0.2
MAX_DELAY_SECONDS: Final = 30.0
MAX_RETRY_AFTER_SECONDS: Final = 600.0
"""A longer wish is not taken at its word, so that one wrong header can't silence an application."""


_DICE: Final = random.SystemRandom()
"""Not the global generator, which belongs to the application: it may be seeded, and forks share its state."""


class Verdict(Enum):
    """What to do with a batch."""

    STORED = "let go of it"
    RETRY = "send it again, soon and then less and less often"
    DENIED = "keep it and try rarely: somebody has to mend a token or an address"
    TOO_LARGE = "send less at once"
    REFUSED = "something in it can never be accepted: find out what, and set that aside"
    CLONED = "another process uses this stream: open a new one and send again"


def judge(status: int) -> Verdict:
    """The verdict of an HTTP status."""
    if 200 <= status < 300:
        return Verdict.STORED
    if status in (408, 425, 429) or status >= 500:
        return Verdict.RETRY
    return {
        409: Verdict.CLONED,
        413: Verdict.TOO_LARGE,
        400: Verdict.REFUSED,
        415: Verdict.REFUSED,
    }.get(status, Verdict.DENIED)


def backoff_seconds(failures: int, *, uniform: Callable[[float, float], float] = _DICE.uniform) -> float:
    """A wait after so many failures in a row, with full jitter: anything up to the bound."""
    return uniform(0, min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(failures, 16)))


def retry_after_seconds(header: str | None, *, now: Callable[[], float] = time.time) -> float:
    """The wait that a Retry-After header asks for, in seconds or as a date (RFC 9110, 10.2.3); else 0."""
    if not header:
        return 0.0
    text = header.strip()
    try:
        wish = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - now()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wish, 0.0), MAX_RETRY_AFTER_SECONDS)
