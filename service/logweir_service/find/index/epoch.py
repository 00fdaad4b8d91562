"""Moments as whole microseconds since the epoch, which sort, and fit in 64 bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """An aware moment's microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND
