"""Events of many stories as a person reads them in a terminal: one line each, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from logweir_service.event import StoredEvent

from .length import length
from .look import BOLD, DIM, LEVELS, SERVICES, Look, Part, columns, padded
from .moment import Moment, read

_SERVICE_COLUMNS: Final = 20
_NAME_COLUMNS: Final = 34


class FlatRows:
    """Writes one event after the other; columns grow with what they have held, and a new day is told."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._day = ""
        self._service_columns = self._name_columns = 0
        self._colours: dict[str, str] = {}

    def __call__(self, event: StoredEvent) -> Iterator[str]:
        """The line of an event, behind one that tells the day where it is another; all is `visible`."""
        row = read(event)
        day = f"{row.at:%Y-%m-%d}"
        if day != self._day:
            self._day = day
            yield self._look.line([Part(f"-- {day} UTC", DIM)])
        yield self._look.line(self._parts(row))

    def _parts(self, row: Moment) -> Iterator[Part]:
        style = LEVELS.get(row.level, "")
        self._service_columns = _grown(self._service_columns, row.service, _SERVICE_COLUMNS)
        self._name_columns = _grown(self._name_columns, row.name, _NAME_COLUMNS)
        colour = self._colours.setdefault(row.service, SERVICES[len(self._colours) % len(SERVICES)])
        yield Part("! " if row.is_error else "  ", LEVELS["error"])
        yield Part(f"{row.at:%H:%M:%S}.{row.at.microsecond // 1000:03}  ", DIM)
        yield Part(padded(row.service, self._service_columns), colour)
        yield Part(f"  {row.level:8}", style or DIM)
        yield Part(f"  {padded(row.name, max(columns(row.name), self._name_columns))}", style or BOLD)
        took = "" if row.duration is None else length(row.duration)
        told = "  ".join(part for part in (took, row.told) if part)
        yield Part(f"  {told}", style if row.is_error or row.level == "debug" else "")
        yield Part(f"  {row.correlation_id}", DIM)


def _grown(width: int, text: str, most: int) -> int:
    return min(max(width, columns(text)), most)
