"""Lines of the journal to events with the fields that rules look at.

A key that no field of the struct has is compared with each of them, so a struct with the fields of hundreds
of rules would make every event pay for rules that it never meets. Fields are looked for only from the first
event on whose name wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Final

import msgspec

from logweir_service.event import Event, event_type
from logweir_service.lenient import read_object

from .stretch import stretches

MAX_NAMES: Final = 2000
"""Event names remembered as known; made-up names cost time, not memory."""

_names = attrgetter("event")


def _no_more(_: str) -> Iterable[str]:
    return ()


class StoredDecoder:
    """Decodes what was accepted before, live and when the journal is replayed, in the same way."""

    def __init__(self, wanted: Iterable[str], *, of_event: Callable[[str], Iterable[str]] = _no_more) -> None:
        """Events get the fields `wanted`, and more of them where `of_event` says so of an event's name.

        It is asked when a name is new; what it says of one name must not change.
        """
        self._wanted = {*wanted}
        self._of_event = of_event
        self._known: set[str] = set()
        self._look()

    def events(self, lines: bytes) -> Iterator[list[Event]]:
        """The events of NDJSON, in order, some at a time; keep none of them longer than that."""
        for stretch in stretches(lines):
            events = self._decoded(stretch)
            if self._of_event is not _no_more and self._learns({*map(_names, events)}):
                events = self._decoded(stretch)
            yield events

    def _decoded(self, stretch: bytes) -> list[Event]:
        try:
            return self._json.decode_lines(stretch)
        except msgspec.ValidationError:
            return [self._event(line) for line in stretch.split(b"\n") if line]

    def _event(self, line: bytes) -> Event:
        """Decode one line; a number out of every range reads as absent."""
        try:
            return self._json.decode(line)
        except msgspec.ValidationError:
            return msgspec.convert(read_object(line), self._struct)

    def _learns(self, names: set[str]) -> bool:
        """Whether events of these names have fields that were not looked for until now."""
        if names <= self._known:
            return False
        new = names - self._known
        if len(self._known) + len(new) > MAX_NAMES:
            self._known.clear()
        self._known |= new
        more = {field for name in new for field in self._of_event(name)} - self._wanted
        if more:
            self._wanted |= more
            self._look()
        return bool(more)

    def _look(self) -> None:
        self._struct = event_type(self._wanted)
        self._json = msgspec.json.Decoder(self._struct)
