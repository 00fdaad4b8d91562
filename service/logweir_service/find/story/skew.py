"""Whose clock is wrong: spans that lie outside of those that called them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

LEAST_SECONDS: Final = 0.01
"""Less is what clocks on one machine do to each other, and what rounding does."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What the search needs to know of a moment."""

    service: str
    start: float
    end: float
    is_span: bool
    kind: str
    """Its `span_kind`, or empty."""


def skews(moments: Sequence[Timed], parents: Sequence[int | None], depths: Sequence[int]) -> dict[str, float]:
    """How many seconds each service's clock seems to be ahead of the one at the top of the story.

    Negative: behind. Only what is out by `LEAST_SECONDS` is told. The evidence is a span that lies outside of
    the span of another service which it is a part of: it cannot begin before that, and where one calls and
    waits for the other (`span_kind` client or server) it cannot end after it, unless the caller gave up
    waiting. A job that begins after the request which ordered it is no evidence. Where spans of two services
    disagree, the median of them counts.
    """
    apart: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in sorted(range(len(moments)), key=depths.__getitem__):
        parent = parents[number]
        if parent is not None and moments[number].service != moments[parent].service:
            caller, called = moments[parent], moments[number]
            if caller.is_span and called.is_span:
                apart[caller.service, called.service].append(_ahead(caller, called))
    found: dict[str, float] = {}
    for (caller_service, called_service), seconds in apart.items():
        found.setdefault(caller_service, 0.0)
        found.setdefault(called_service, found[caller_service] + median(seconds))
    return {service: ahead for service, ahead in found.items() if abs(ahead) >= LEAST_SECONDS}


def _ahead(caller: Timed, called: Timed) -> float:
    """By how much the clock of the one called is ahead; 0 where nothing speaks for it."""
    early, late = caller.start - called.start, called.end - caller.end
    waits = "client" in (caller.kind, called.kind) or called.kind == "server"
    fits = called.end - called.start <= caller.end - caller.start
    if waits and fits and max(early, late) > LEAST_SECONDS:
        return ((called.start + called.end) - (caller.start + caller.end)) / 2
    return -early if early > LEAST_SECONDS else 0.0
