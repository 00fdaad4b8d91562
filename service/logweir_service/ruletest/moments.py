"""When things happen in a test."""

from __future__ import annotations

from typing import Final

from logweir_service.lenient import read_moment
from logweir_service.rules.section import Section

USUAL_START: Final = 1_767_225_600.0
"""2026-01-01T00:00:00Z, where a test says nothing else."""

_EARLIEST: Final = 946_684_800.0
_LATEST: Final = 4_102_444_800.0
"""The years 2000 to 2099: whoever means another has a clock that was never set."""


def moment_of(timestamp: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text; None where it is none, or of another century."""
    moment = read_moment(timestamp)
    seconds = -1.0 if moment is None else moment.timestamp()
    return seconds if _EARLIEST <= seconds <= _LATEST else None


def read_start(section: Section) -> float | None:
    """Read ``start``; None where it does not stand there."""
    if not section.has("start"):
        return None
    start = moment_of(section.entry("start").text)
    if start is None:
        section.problem("start", "'start' must be a moment of this century such as 2026-01-01T00:00:00Z")
    return start


def read_at(section: Section, default: float) -> float:
    """Read ``at``, in seconds after the start."""
    at = section.seconds("at", default)
    if at > _LATEST - _EARLIEST:
        section.problem("at", "'at' lies more than a century after the start")
        return default
    return at
