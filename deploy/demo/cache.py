"""The cache of the example services: what every team has, with its events."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

import logweir

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Keeps values in this process, each for `seconds`."""

    def __init__(self, name: str, *, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._entries: dict[str, tuple[float, Value]] = {}

    def get(self, key: str) -> Value | None:
        """The value that was put last, or None where there is none any more."""
        with logweir.event("cache.operation", cache_name=self._name, cache_operation="get") as operation:
            expires_at, value = self._entries.get(key, (0.0, None))
            if expires_at < time.monotonic():
                value = None
            operation["cache_result"] = "miss" if value is None else "hit"
            return value

    def put(self, key: str, value: Value) -> None:
        """Keep `value`."""
        with logweir.event(
            "cache.operation", cache_name=self._name, cache_operation="put", cache_result="ok"
        ):
            self._entries[key] = time.monotonic() + self._seconds, value

    def drop(self, key: str) -> None:
        """Forget the value, if there is one."""
        with logweir.event(
            "cache.operation", cache_name=self._name, cache_operation="drop", cache_result="ok"
        ):
            self._entries.pop(key, None)
