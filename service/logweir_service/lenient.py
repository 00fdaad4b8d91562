"""Reading a stored line whole, whatever the journal has accepted."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec


def read_object(line: bytes) -> dict[str, Any]:
    """The members of the JSON object on `line`; a number that no float holds reads as None.

    Of a key that stands twice the last counts, as it does for whoever judged the line.

    Raises:
        ValueError: it is no JSON object, or one nested too deep to be read.
    """
    try:
        read = json.loads(line.decode(), parse_int=_int, parse_float=_float, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(read, dict):
        raise ValueError("it is no object")
    return read


def read_moment(timestamp: object) -> datetime | None:
    """The moment in UTC that an RFC 3339 text names, in either case; None for anything else."""
    try:
        moment = msgspec.convert(timestamp, datetime)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # as msgspec's faults are; or year 1 east of Greenwich
        return None


def _int(digits: str) -> int | None:
    return None if _float(digits) is None else int(digits)


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
