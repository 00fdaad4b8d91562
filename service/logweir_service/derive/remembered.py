"""What each service said lately, so that it counts once when it says it again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

MAX_OF_A_SERVICE: Final = 10_000

MAX_OF_ALL: Final = 100_000
"""Beyond it the services that have the most forget first: none pushes out another that has less."""

_LONGEST: Final = 200
"""Characters kept as they are."""

Name = str | int


class Remembered:
    """Names by service, each with the time it was last told; the oldest of a service are forgotten first."""

    def __init__(self) -> None:
        self._services: dict[str, dict[Name, float]] = {}
        self._count = 0

    def when(self, service: str, name: Name) -> float | None:
        """When a name was last told; None where it is not remembered."""
        names = self._services.get(service)
        return None if names is None else names.get(_short(name))

    def tell(self, service: str, name: Name, received: float) -> None:
        """Remember a name from now on."""
        name = _short(name)
        names = self._services.setdefault(service, {})
        self._count += names.pop(name, None) is None
        names[name] = received
        if len(names) > MAX_OF_A_SERVICE:
            self._forget(service, MAX_OF_A_SERVICE // 100)
        elif self._count > MAX_OF_ALL:
            self._make_room()

    def move(self, *, before: float, now: float) -> None:
        """Forget what was told before a time; what was told after `now`, by another clock, was told now."""
        for service, names in [*self._services.items()]:
            for name in [name for name, told in names.items() if told > now]:
                names[name] = now
            overdue = [name for name, told in names.items() if told < before]
            for name in overdue:
                del names[name]
            self._count -= len(overdue)
            if not names:
                del self._services[service]

    def __iter__(self) -> Iterator[tuple[str, Name, float]]:
        """Service, name and time of each, those of one service in the order in which they were told."""
        for service, names in self._services.items():
            for name, told in names.items():
                yield service, name, told

    def restore(self, state: list[Any]) -> None:
        """Begin with what was remembered."""
        self._services = {}
        for service, name, told in state:
            self._services.setdefault(service, {})[name] = told
        self._count = len(state)

    def _make_room(self) -> None:
        """Forget some of those services that have about the most, of several at once: looking takes long."""
        most = max(map(len, self._services.values()))
        largest = (each for each, names in self._services.items() if 2 * len(names) > most)
        for each in [*islice(largest, 100)]:
            self._forget(each, len(self._services[each]) // 100 + 1)

    def _forget(self, service: str, count: int) -> None:
        names = self._services[service]
        for oldest in [*islice(names, count)]:
            del names[oldest]
            self._count -= 1
        if not names:
            del self._services[service]


def _short(name: Name) -> Name:
    """A long text as its digest: no sender can make a service hold megabytes of names."""
    if isinstance(name, str) and len(name) > _LONGEST:
        return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return name
