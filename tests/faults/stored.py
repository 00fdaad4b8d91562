"""What stands in the journal's files, read with no code of the service."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_STILL_MOVING = 3
"""So many of the last segments are read each time: a power cut may make a sealed one the last again."""


class SealedChanged(Exception):
    """Something happened to a segment that was complete."""


@dataclass(slots=True)
class Stored:
    """Events and the series they must have made."""

    keys: set[str] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    series: Counter[str] = field(default_factory=Counter)
    """Values by the text of the series."""

    def add(self, other: Stored) -> None:
        """Take in the events of later segments."""
        self.doubled += other.doubled
        self.unreadable += other.unreadable
        self.doubled += sorted(self.keys & other.keys)
        self.keys |= other.keys
        self.series.update(other.series)


class StoredEvents:
    """Reads a journal again and again; segments that cannot change any more only once."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._sealed = Stored()
        self._sealed_names: dict[str, int] = {}

    def read(self) -> tuple[Stored, Stored]:
        """What stands in the sealed segments, and what in the last ones.

        Raises:
            SealedChanged: a sealed segment was changed, or is gone.
        """
        segments = sorted(self._journal.glob("*.ndjson"))
        sizes = {path.name: path.stat().st_size for path in segments}
        for name, size in self._sealed_names.items():
            if sizes.get(name) != size:
                raise SealedChanged(f"segment {name} had {size} bytes and has {sizes.get(name)}")
        for path in segments[:-_STILL_MOVING]:
            if path.name not in self._sealed_names:
                self._sealed.add(read_segment(path))
                self._sealed_names[path.name] = sizes[path.name]
        moving = Stored()
        for path in segments[-_STILL_MOVING:]:
            moving.add(read_segment(path))
        moving.doubled += sorted(moving.keys & self._sealed.keys)
        return self._sealed, moving


def read_segment(path: Path) -> Stored:
    """Every event of one file."""
    stored = Stored()
    for line in path.read_bytes().splitlines():
        if line.startswith((b'{"_segment"', b'{"_commit"')):
            continue
        try:
            event = json.loads(line)
            key = event["correlation_id"]
        except (ValueError, TypeError, KeyError):
            stored.unreadable.append(f"{path.name}: {line[:60]!r}")
            continue
        if key in stored.keys:
            stored.doubled.append(key)
        stored.keys.add(key)
        _count(stored.series, event)
    return stored


def _count(series: Counter[str], event: dict[str, Any]) -> None:
    service, method = event["service"], event["http_request_method"]
    status = event["http_response_status_code"]
    series[f"requests {service} {method} {status}"] += 1
    series[f"durations {service} {method}"] += 1
    # Times are multiples of 1/64: their sums are exact, in whatever order they are added.
    series[f"seconds {service} {method}"] += event["duration_seconds"]
    series[f"own {service}"] += 1
    if status == 500:
        series[f"errors {service}"] += 1
