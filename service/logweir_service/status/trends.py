"""What went on within the last hour: totals read every ten seconds, and the rates between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import msgspec

EVERY_SECONDS: Final = 10.0
SPAN_SECONDS: Final = 3600.0

RECENT_SECONDS: Final = 60.0
"""What "now" means of a rate: long enough that single batches do not make it jump."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a service had counted at a moment."""

    at: float
    """Seconds since the epoch."""
    ticks: float
    """The same moment by a clock that nobody sets."""
    events: float = 0
    errors: float = 0
    bytes: float = 0
    rejects: Mapping[str, float] = field(default_factory=dict)
    """Events refused as invalid, by code."""
    refusals: Mapping[str, float] = field(default_factory=dict)
    """Requests refused as a whole, by status and code: ``503 disk_full``."""
    commit_buckets: Sequence[float] = ()
    """Commits that took no longer than each bound, and all of them."""


class Rates(msgspec.Struct, kw_only=True):
    """What happened each second, as a mean of the newest `seconds`."""

    seconds: float
    events: float
    errors: float
    bytes: float
    rejects: dict[str, float]
    """By code; those that did not happen are left out."""
    refusals: dict[str, float]
    """By status and code."""
    rejects_since_start: dict[str, float]
    """Not each second, but all."""
    refusals_since_start: dict[str, float]
    commit_p99_seconds: float | None
    """None where nothing was committed."""


class Trends(msgspec.Struct, kw_only=True):
    """The last hour, in steps; None is a step of which nothing is known, as before the start."""

    every_seconds: float
    until: float
    """When the last step ended, in seconds since the epoch."""
    events: list[float | None]
    """Each second, as all but the last."""
    errors: list[float | None]
    rejects: list[float | None]
    """Events that were refused, and requests."""
    bytes: list[float | None]
    commit_p99_seconds: list[float | None]


class LastHour:
    """Remembers an hour of totals. `bounds` are those of the buckets of commits, without infinity."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._taken: deque[Totals] = deque(maxlen=round(SPAN_SECONDS / EVERY_SECONDS) + 1)

    def take(self, totals: Totals) -> None:
        """Remember what was counted until now."""
        self._taken.append(totals)

    def rates(self, totals: Totals) -> Rates | None:
        """What happened lately up to `totals`; None where nothing is known of the time before."""
        since = next((each for each in self._taken if totals.ticks - each.ticks <= RECENT_SECONDS), None)
        if since is None or totals.ticks - since.ticks < 1:
            return None
        seconds = totals.ticks - since.ticks
        return Rates(
            seconds=seconds,
            events=(totals.events - since.events) / seconds,
            errors=(totals.errors - since.errors) / seconds,
            bytes=(totals.bytes - since.bytes) / seconds,
            rejects=_each_second(since.rejects, totals.rejects, seconds),
            refusals=_each_second(since.refusals, totals.refusals, seconds),
            rejects_since_start=dict(totals.rejects),
            refusals_since_start=dict(totals.refusals),
            commit_p99_seconds=self._p99(since, totals),
        )

    def trends(self) -> Trends:
        """The steps of the last hour."""
        pairs = list(pairwise(self._taken))
        missing = (self._taken.maxlen or 1) - 1 - len(pairs)

        def steps(read: list[float | None]) -> list[float | None]:
            return [None] * missing + read

        def each_second(name: str) -> list[float | None]:
            return steps([_rate(getattr(a, name), getattr(b, name), b.ticks - a.ticks) for a, b in pairs])

        return Trends(
            every_seconds=EVERY_SECONDS,
            until=self._taken[-1].at if self._taken else 0.0,
            events=each_second("events"),
            errors=each_second("errors"),
            rejects=steps([_rate(_refused(a), _refused(b), b.ticks - a.ticks) for a, b in pairs]),
            bytes=each_second("bytes"),
            commit_p99_seconds=steps([self._p99(a, b) for a, b in pairs]),
        )

    def _p99(self, before: Totals, after: Totals) -> float | None:
        if len(before.commit_buckets) != len(after.commit_buckets):
            return None
        counts = [b - a for a, b in zip(before.commit_buckets, after.commit_buckets, strict=True)]
        return quantile(0.99, self._bounds, counts)


def quantile(share: float, bounds: Sequence[float], cumulated: Sequence[float]) -> float | None:
    """As PromQL's ``histogram_quantile``: the values of a bucket are taken to lie evenly in it.

    `cumulated` has one count more than there are `bounds`. None where nothing was counted; what lies beyond
    the last bound is told as that.
    """
    if not cumulated or cumulated[-1] <= 0:
        return None
    rank, lower, before = share * cumulated[-1], 0.0, 0.0
    for bound, count in zip(bounds, cumulated, strict=False):
        if count >= rank:
            return lower + (bound - lower) * (rank - before) / (count - before) if count > before else bound
        lower, before = bound, count
    return bounds[-1] if bounds else None


def _rate(before: float, after: float, seconds: float) -> float | None:
    return (after - before) / seconds if seconds > 0 else None


def _refused(totals: Totals) -> float:
    return sum(totals.rejects.values()) + sum(totals.refusals.values())


def _each_second(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count / seconds for name, count in sorted(grown.items()) if count > 0}
