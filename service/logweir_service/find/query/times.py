"""Moments as people and programs name them: RFC 3339, or an age such as ``15m``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from logweir_service.lenient import read_moment

_AGE: Final = re.compile(r"(\d{1,7})([smhdw])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_time(text: str, *, now: datetime) -> datetime:
    """The moment in UTC that `text` names; an age is counted from `now` back.

    Raises:
        ValueError: it names none; the text says how one is written.
    """
    age = _AGE.fullmatch(text)
    try:
        if age is not None:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    except OverflowError:
        raise ValueError("is before all time") from None
    moment = read_moment(text) or read_moment(text.replace(" ", "+"))  # as a plus reads in a query string
    if moment is None:
        raise ValueError("is no moment: write an age such as 15m, 1h, 7d, or 2026-11-21T13:05:00Z")
    return moment
