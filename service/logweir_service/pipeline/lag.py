"""How late events arrive: what was spooled during an outage comes hours after it happened."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence, Set
from operator import attrgetter
from typing import Final, NamedTuple

from logweir_service.event import Event

BOUNDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 259_200.0)
"""Upper bounds of the histogram, in seconds: up to the 72 hours that a shipper keeps events."""

CATCHING_UP_SECONDS: Final = 60.0
"""A service whose newest events are older than this is catching up."""

_QUIET_SECONDS: Final = 300.0
"""A service that was not heard of for so long is not catching up, but gone."""

_MAX_SERVICES: Final = 1000

_timestamps = attrgetter("timestamp")


class Speaker(NamedTuple):
    """A service that sends events."""

    service: str
    last_event: float
    """When its newest event happened, in epoch seconds."""
    lag_seconds: float
    """From that of its last batch to its receipt."""
    silent_seconds: float
    """Since that receipt."""

    @property
    def is_catching_up(self) -> bool:
        """Whether what it sends is old, as after an outage."""
        return self.lag_seconds > CATCHING_UP_SECONDS and self.silent_seconds <= _QUIET_SECONDS


class Lag:
    """Counts the seconds between an event and its receipt, and knows who speaks, and who catches up."""

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        """Events per bucket, not cumulated; the last is beyond all bounds."""
        self.sum = 0.0
        """Seconds. Where the events of a piece share a bucket, their mean is taken as the middle of it."""
        self._ticks = ticks
        self._services: dict[str, tuple[float, float]] = {}
        """How late the newest events were, and when they came."""
        self._last_events: dict[str, float] = {}

    def take(self, events: Sequence[Event], received: float) -> float:
        """Count some events of one commit; returns the lag of the newest of them, in seconds."""
        timestamps = [*map(_timestamps, events)]
        least: float = max(received - max(timestamps).timestamp(), 0.0)
        most: float = max(received - min(timestamps).timestamp(), 0.0)
        bucket = bisect_left(BOUNDS, least)
        if bucket == bisect_left(BOUNDS, most):
            self.counts[bucket] += len(events)
            self.sum += (least + most) / 2 * len(events)
            return least
        for timestamp in timestamps:
            lag = max(received - timestamp.timestamp(), 0.0)
            self.counts[bisect_left(BOUNDS, lag)] += 1
            self.sum += lag
        return least

    def heard(self, services: Set[str], *, lag: float, received: float) -> None:
        """The newest event of a batch of these services was so late, `received` in epoch seconds."""
        for service in services:
            if service in self._services or len(self._services) < _MAX_SERVICES:
                self._services[service] = (lag, self._ticks())
                self._last_events[service] = max(self._last_events.get(service, 0.0), received - lag)

    def catching_up(self) -> Mapping[str, float]:
        """1 for each service that is catching up, 0 for those that are not, as far as they were heard of."""
        return {each.service: float(each.is_catching_up) for each in self.speakers()}

    def last_events(self) -> Mapping[str, float]:
        """When the newest event of each service happened, in epoch seconds; at the latest at its receipt."""
        return dict(self._last_events)

    def speakers(self) -> list[Speaker]:
        """The services that were heard of since this process began."""
        now = self._ticks()
        return [
            Speaker(service, self._last_events[service], lag, now - heard)
            for service, (lag, heard) in self._services.items()
        ]
