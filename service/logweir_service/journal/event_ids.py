"""The ids of events whose senders have no stream: what makes their sending twice harmless, for a while.

Only hashes are kept. Two ids of one service give the same hash once in some 10^14 events of a full window.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

import msgspec

MAX_IDS: Final = 100_000
"""Ids kept per service; beyond it a hundredth is forgotten at once."""

KEPT_SECONDS: Final = 86_400.0
"""How long an id is kept."""

MAX_ALL_IDS: Final = 1_000_000
"""Ids kept of all services together: beyond it new ones cost their service old ones."""

MAX_SERVICES: Final = 10_000
"""Services with a window of their own; all further ones share one."""

_ALL_FURTHER: Final = ""


class EventId(NamedTuple):
    """An event's own id, and the service within which it is one."""

    service: str
    digest: int

    @classmethod
    def of(cls, service: str, text: str) -> EventId:
        """The id that an event of a service states."""
        named = f"{service} {text}".encode()
        return cls(service, int.from_bytes(blake2b(named, digest_size=8).digest(), "little"))


class Window(msgspec.Struct, frozen=True):
    """The ids of one service as a checkpoint holds them, oldest first."""

    digests: bytes
    """Each in 8 bytes, little-endian."""
    seen: bytes
    """When each was committed: whole seconds of the journal's own time in 8 bytes, little-endian."""


class EventIds:
    """The newest ids of each service."""

    def __init__(self) -> None:
        self._services: dict[str, dict[int, int]] = {}
        self._count = 0

    def __contains__(self, each: EventId) -> bool:
        return any(each.digest in self._services.get(service, ()) for service in (each.service, _ALL_FURTHER))

    def __len__(self) -> int:
        return self._count

    def add(self, ids: Iterable[EventId], seen: float) -> None:
        """Take note of ids that were committed at `seen`."""
        for service, digest in ids:
            has_room = service in self._services or len(self._services) < MAX_SERVICES
            window = self._services.setdefault(service if has_room else _ALL_FURTHER, {})
            if digest not in window:
                window[digest] = int(seen)
                self._count += 1
                if len(window) > MAX_IDS or (self._count > MAX_ALL_IDS and len(window) > 1):
                    # several at once: to find the first of a dict takes as long as what was removed before it
                    self._forget(window, [*islice(window, max(len(window) // 100, 1))])

    def expire(self, now: float) -> None:
        """Forget what is older than a day."""
        oldest = now - KEPT_SECONDS
        for service in [*self._services]:
            window = self._services[service]
            overdue = []
            for digest, seen in window.items():
                if seen >= oldest:
                    break
                overdue.append(digest)
            self._forget(window, overdue)
            if not window:
                del self._services[service]

    def dump(self) -> dict[str, Window]:
        """All of it, for a checkpoint."""
        return {
            service: Window(_packed(window.keys()), _packed(window.values()))
            for service, window in self._services.items()
        }

    def restore(self, windows: Mapping[str, Window]) -> None:
        """Begin with what a checkpoint holds."""
        self._services = {
            service: dict(zip(_unpacked(window.digests), _unpacked(window.seen), strict=True))
            for service, window in windows.items()
        }
        self._count = sum(map(len, self._services.values()))

    def _forget(self, window: dict[int, int], digests: Iterable[int]) -> None:
        for digest in digests:
            del window[digest]
            self._count -= 1


def _packed(numbers: Iterable[int]) -> bytes:
    words = array("Q", numbers)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _unpacked(packed: bytes) -> Iterable[int]:
    words = array("Q", packed)
    if sys.byteorder == "big":
        words.byteswap()
    return words
