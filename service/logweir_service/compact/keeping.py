"""Which events stay when a segment is compacted, as the ``store`` rules have it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, Protocol

from logweir_service.rules import StoreRule

Reason = Literal["never", "sampled", "expired"]

LOUD: Final = frozenset({"error", "critical"})
"""Events of these levels stay, and so does every event that shares a correlation id with one."""

_MAX_REMEMBERED: Final = 10_000
"""Event names and levels whose rule is known; made-up names cost time, not memory."""


class Kept(Protocol):
    """What is looked at of an event."""

    event: str
    level: str
    correlation_id: str | None


class Place(NamedTuple):
    """Which event it is, and how old."""

    lsn: int
    line: int
    age_seconds: float
    """Since its receipt."""


class Removed(NamedTuple):
    """Why an event does not stay."""

    rule: str
    reason: Reason


class Keeping:
    """Says of each event whether it stays: the first rule that takes it decides; without one it stays.

    Errors and what was promoted are not asked about here, nor are their stories: they stay.
    """

    def __init__(self, rules: Sequence[StoreRule]) -> None:
        self._rules = [(rule, [_pattern(glob) for glob in rule.events]) for rule in rules]
        self._known: dict[tuple[str, str], StoreRule | None] = {}

    def __bool__(self) -> bool:
        """Whether any event can go."""
        return bool(self._rules)

    def rule_of(self, event: Kept) -> StoreRule | None:
        """The first rule that takes an event."""
        key = event.event, event.level
        if key not in self._known:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = self._found(*key)
        return self._known[key]

    def removed(self, event: Kept, at: Place) -> Removed | None:
        """Why an event goes, or None where it stays."""
        rule = self.rule_of(event)
        if rule is None:
            return None
        if at.age_seconds >= rule.keep_seconds:
            return Removed(rule.name, "expired")
        if rule.keep >= 1 or _share(event, at) < rule.keep:
            return None
        return Removed(rule.name, "sampled" if rule.keep else "never")

    def _found(self, name: str, level: str) -> StoreRule | None:
        for rule, patterns in self._rules:
            if rule.levels and level not in rule.levels:
                continue
            if any(pattern.fullmatch(name) for pattern in patterns):
                return rule
        return None


def _share(event: Kept, at: Place) -> float:
    """Where the story stands among all, from 0 to below 1, at every service and after every restart."""
    told = event.correlation_id or f"{at.lsn}:{at.line}"
    digest = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def _pattern(glob: str) -> re.Pattern[str]:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in glob)
    return re.compile("".join(parts), re.DOTALL)
