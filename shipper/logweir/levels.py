"""The five levels of an event, and every other spelling that is mapped to them."""

from __future__ import annotations

from typing import Any, Final

from logweir.fields import LEVELS

NUMBER: Final = {level: 10 * rank for rank, level in enumerate(LEVELS, 1)}
"""Level to number, as in the standard library's logging."""

MAX_DIGITS: Final = 9
"""Of a level given as a number; Python refuses to read numbers of thousands of digits."""

_OTHER_NAMES: Final = {
    "trace": "debug",
    "notset": "debug",
    "notice": "info",
    "warn": "warning",
    "err": "error",
    "exception": "error",
    "fatal": "critical",
    "alert": "critical",
    "emergency": "critical",
}


def normalise(level: Any) -> str | None:
    """The canonical name of a level given as a name in any case or as a number; None where it is neither."""
    if isinstance(level, int):
        return from_number(level)
    if not isinstance(level, str):
        return None
    text = level.strip().lower()
    if text in NUMBER:
        return text
    if text.isdecimal() and len(text) <= MAX_DIGITS:
        return from_number(int(text))
    return _OTHER_NAMES.get(text)


def from_number(number: int) -> str:
    """The highest level that is not above `number`; below debug it is debug."""
    if number >= 40:
        return "critical" if number >= 50 else "error"
    if number >= 20:
        return "warning" if number >= 30 else "info"
    return "debug"
