"""Lines of the journal to events with the fields that rules look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from logweir_service.event import Event, event_type
from logweir_service.lenient import read_object

from .stretch import stretches


class StoredDecoder:
    """Decodes what was accepted before, live and when the journal is replayed, in the same way."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._struct = event_type(wanted)
        self._json = msgspec.json.Decoder(self._struct)

    def events(self, lines: bytes) -> Iterator[list[Event]]:
        """The events of NDJSON, in order, some at a time; keep none of them longer than that."""
        for stretch in stretches(lines):
            try:
                yield self._json.decode_lines(stretch)
            except msgspec.ValidationError:
                yield [self._event(line) for line in stretch.split(b"\n")[:-1]]

    def _event(self, line: bytes) -> Event:
        """Decode one line; a number out of every range reads as absent."""
        try:
            return self._json.decode(line)
        except msgspec.ValidationError:
            return msgspec.convert(read_object(line), self._struct)
