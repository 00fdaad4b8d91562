"""What a Sentry server's answer means for the event sent and for the route it took."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

CATEGORY: Final = "error"
"""Only this category's limits concern us; Bugsink announces one for transactions in every answer."""

LIMITED_SECONDS: Final = 60.0
"""The pause after a 429 that does not say how long, as the protocol asks for."""

NOT_LET_IN_SECONDS: Final = 60.0
"""The pause after an answer that an operator has to mend: a wrong key, a project that is gone."""

MAX_PAUSE_SECONDS: Final = 86_400.0
"""A server cannot silence a route for longer than this at a time."""


SECONDS: Final = re.compile(r"[0-9]{1,18}(\.[0-9]*)?")


class Outcome(NamedTuple):
    """What became of one event."""

    verdict: Literal["delivered", "again", "too_large", "refused"]
    reason: str = ""
    pause_seconds: float | None = None
    """How long the route has to rest; None leaves it to the sender's own backoff."""


def judge(status: int, headers: Mapping[str, str], *, now: float) -> Outcome:
    """Read an answer by the rules of Sentry's protocol; `headers` are asked by their usual spelling."""
    limit = limited_seconds(headers.get("X-Sentry-Rate-Limits", ""))
    if 200 <= status < 300:
        return Outcome("delivered", pause_seconds=limit or 0.0)
    wait = limit or retry_after_seconds(headers.get("Retry-After", ""), now=now)
    if status == 429:
        return Outcome("again", "rate_limited", wait or LIMITED_SECONDS)
    if status == 413:
        return Outcome("too_large", "too_large")
    if status in {401, 403, 404} or 300 <= status < 400:
        return Outcome("again", f"status_{status}", max(wait or 0.0, NOT_LET_IN_SECONDS))
    if status >= 500 or status == 408:
        return Outcome("again", f"status_{status}", wait)
    return Outcome("refused", f"status_{status}")


def limited_seconds(header: str) -> float | None:
    """The longest pause that an ``X-Sentry-Rate-Limits`` header asks of our category; None for none.

    ``60:error;default:key, 2700::organization``: seconds, categories (none means all), then what we ignore.
    """
    return max(_limits(header), default=None)


def _limits(header: str) -> Iterator[float]:
    for limit in header.split(","):
        seconds, _, rest = limit.strip().partition(":")
        categories = rest.partition(":")[0].split(";")
        if (pause := _seconds(seconds)) is not None and (categories == [""] or CATEGORY in categories):
            yield pause


def retry_after_seconds(header: str, *, now: float) -> float | None:
    """The pause that a ``Retry-After`` header asks for, in seconds or by a date; None for none."""
    if (pause := _seconds(header)) is not None:
        return pause
    try:
        return min(max(parsedate_to_datetime(header).timestamp() - now, 0.0), MAX_PAUSE_SECONDS)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float | None:
    return min(float(text), MAX_PAUSE_SECONDS) if SECONDS.fullmatch(text.strip()) else None
