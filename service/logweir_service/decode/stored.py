"""Lines of the journal to events with the fields that rules look at."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

import msgspec

from logweir_service.event import Event, event_type

from .stretch import stretches

_MAX_DIGITS = 300
"""More digits than any number that rules can use."""


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
            members = json.loads(line, parse_int=_int_or_none, parse_float=_float_or_none)
            return msgspec.convert(members, self._struct)


def _int_or_none(digits: str) -> int | None:
    return int(digits) if len(digits) < _MAX_DIGITS else None


def _float_or_none(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None
