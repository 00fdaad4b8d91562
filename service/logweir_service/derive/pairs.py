"""What is going on: between an event that starts something and the one that ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from logweir_service.event import Event, attribute
from logweir_service.rules.model import PairRule

from .remembered import Remembered
from .tally import SkipReason
from .text import LabelType, glob_pattern, text_of

MAX_OPEN: Final = 10_000
"""Starts waiting for their ends, per metric and service."""

Key = tuple[str, str]
"""Service, and the text of the key."""


@dataclass(slots=True)
class Open:
    """A start that waits for its end."""

    texts: tuple[str, ...]
    """The labels of the series it counts in."""
    started: float
    """When it was received, in epoch seconds."""
    stream: str
    """The stream it came in; empty where it came in none."""


class Pairs:
    """The starts of one metric that wait. `add` moves a series by 1 or -1."""

    def __init__(
        self,
        rule: PairRule,
        *,
        texts: Callable[[Event], tuple[str, ...]],
        add: Callable[[tuple[str, ...], str, float, int], tuple[str, ...]],
        skip: Callable[[SkipReason], None],
    ) -> None:
        self.stream = ""
        """That of the events that come next."""
        self._key = attribute(rule.key)
        self._timeout = rule.timeout_seconds
        self._starts = [glob_pattern(event) for event in rule.start]
        self._texts = texts
        self._add = add
        self._skip = skip
        self._open: dict[Key, Open] = {}
        self._ended = Remembered()
        """Ends: a start that is sent again behind its own starts nothing."""
        self._by_service: dict[str, int] = {}

    def take(self, event: Event, received: float) -> None:
        """Start or end what an event names."""
        try:
            key = (event.service, text_of(getattr(event, self._key)))
        except LabelType:
            self._skip("missing_value" if getattr(event, self._key) is None else "value_type")
            return
        if _matches(self._starts, event.event):
            self._start(key, event, received)
        elif key in self._open:
            self._end(key, received)
        else:
            self._ended.tell(*key, received)

    def close(self, stream: str, received: float) -> None:
        """End what was started in a stream: its instance is gone."""
        for key in [key for key, each in self._open.items() if each.stream == stream]:
            self._end(key, received)

    def move(self, received: float) -> None:
        """End what nobody has ended in time; what started after now, by another clock, started now."""
        for each in self._open.values():
            each.started = min(each.started, received)
        for key in [key for key, each in self._open.items() if received - each.started > self._timeout]:
            self._end(key, received)
            self._skip("timeout")
        self._ended.move(before=received - self._timeout, now=received)

    def dump(self) -> list[Any]:
        """All of it, for a checkpoint."""
        opened = [[*key, [*each.texts], each.started, each.stream] for key, each in self._open.items()]
        return [opened, [[*each] for each in self._ended]]

    def restore(self, state: list[Any]) -> None:
        """Begin with what a checkpoint holds; the series stand already."""
        opened, ended = state
        self._open = {
            (service, key): Open(tuple(texts), started, stream)
            for service, key, texts, started, stream in opened
        }
        self._ended.restore(ended)
        self._by_service = {}
        for service, _ in self._open:
            self._by_service[service] = self._by_service.get(service, 0) + 1

    def _start(self, key: Key, event: Event, received: float) -> None:
        if key in self._open or self._ended.when(*key) is not None:
            return
        count = self._by_service.get(event.service, 0)
        if count >= MAX_OPEN:
            self._skip("too_many")
            return
        try:
            texts = self._texts(event)
        except LabelType:
            self._skip("label_type")
            return
        self._open[key] = Open(self._add(texts, event.service, received, 1), received, self.stream)
        self._by_service[event.service] = count + 1

    def _end(self, key: Key, received: float) -> None:
        ended = self._open.pop(key)
        self._by_service[key[0]] -= 1
        self._add(ended.texts, key[0], received, -1)
        self._ended.tell(*key, received)


def _matches(patterns: list[re.Pattern[str]], event: str) -> bool:
    return any(pattern.fullmatch(event) for pattern in patterns)
