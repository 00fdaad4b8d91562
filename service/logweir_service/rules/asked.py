"""What a condition says of one event, for people: slower than to ask it, and it tells more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from logweir_service.event import attribute

from .expression import FAULTS, Predicate


def outcome(condition: Predicate, event: Any) -> Literal["is true", "is false", "fails"]:
    """What comes of asking it; it fails where the types of the event's values do not fit."""
    try:
        return "is true" if condition(event) else "is false"
    except FAULTS:
        return "fails"


def values_of(fields: Iterable[str], event: Any) -> dict[str, Any]:
    """What an event holds in these fields; None where one is absent or null."""
    return {name: getattr(event, attribute(name)) for name in sorted(fields)}
