"""What each instance of a service says of itself, made into one series.

An instance is a process, told by ``service_instance_id``; what comes without one is of one instance.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from logweir_service.event import Event
from logweir_service.rules.model import INSTANCE, Across

MAX_INSTANCES: Final = 10_000
"""Instances told apart in one series."""

MAX_AGE_SECONDS: Final = 300.0
"""A gauge shows the present: what comes late, after an outage, must not overwrite it."""

Totals = dict[str, list[float]]
"""By instance: its newest total, and the time of that event in epoch seconds."""

Values = dict[str, list[float]]
"""By instance: its value, the time of that event, and when it was received, in epoch seconds."""

_LONG_AGO: Final = -1e12
"""Before every event; a number that a checkpoint can hold, as infinity is not."""

_FOLDS: Final[dict[Across, Any]] = {"sum": sum, "max": max, "min": min}


def grown(totals: Totals, event: Event, total: float) -> float | None:
    """By how much a field that counts up by itself has grown; None where the event is older than the last.

    A total that is smaller than the one before it began at 0 again.
    """
    at, name = seconds(event.timestamp), _instance(event)
    last = totals.get(name)
    if last is None:
        if len(totals) >= MAX_INSTANCES:
            return None
        totals[name] = [total, at]
        return total
    if at < last[1]:
        return None
    growth = total - last[0] if total >= last[0] else total
    last[0], last[1] = total, at
    return growth


def keep(values: Values, event: Event, value: float, received: float) -> bool:
    """Take an instance's value; False where it is older than the last, or of one instance too many."""
    at, name = seconds(event.timestamp), _instance(event)
    before = values.get(name)
    if before is None and len(values) >= MAX_INSTANCES:
        return False
    if before is not None and at <= before[1]:
        return False
    values[name] = [value, min(at, received), received]
    return True


def fold(values: Values, across: Across, *, since: float) -> float | None:
    """One value of those received at `since` or later; None where there is none."""
    live = [value for value, _, received in values.values() if received >= since]
    return _FOLDS[across](live) if live else None


def forget(values: Values, *, before: float) -> None:
    """Forget the instances that were heard of before a time, and not since."""
    for name in [name for name, each in values.items() if each[2] < before]:
        del values[name]


def set_back(values: Values, received: float) -> None:
    """Let each value that lies after `received` be overwritten by the next, since the clock was set back."""
    for each in values.values():
        if each[1] > received:
            each[1] = _LONG_AGO
        each[2] = min(each[2], received)


def seconds(timestamp: datetime) -> float:
    """A time in seconds since the epoch; one without a zone is UTC."""
    return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()


def _instance(event: Event) -> str:
    name = getattr(event, INSTANCE)
    return name if isinstance(name, str) else ""
