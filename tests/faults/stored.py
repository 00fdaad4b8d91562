"""What stands in the journal's files, read with no code of the service."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PACKED = ".zst"
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
        self._sealed_seen: dict[str, tuple[tuple[str, int], int]] = {}
        """Name and size of the file, and the checksum of its events, by the name it had at first."""

    def read(self) -> tuple[Stored, Stored]:
        """What stands in the sealed segments, and what in the last ones.

        Raises:
            SealedChanged: a sealed segment was changed, or is gone.
        """
        segments = _segments(self._journal)
        files = {path.name.removesuffix(_PACKED): path for path in segments}
        for name, (seen, held) in self._sealed_seen.items():
            if name not in files:
                raise SealedChanged(f"segment {name} is gone")
            now = _seen(files[name])
            if now != seen and _events(files[name]) != held:
                raise SealedChanged(f"segment {name} does not hold the lines that it held")
            self._sealed_seen[name] = now, held
        for path in segments[:-_STILL_MOVING]:
            name = path.name.removesuffix(_PACKED)
            if name not in self._sealed_seen:
                self._sealed.add(read_segment(path))
                self._sealed_seen[name] = _seen(path), _events(path)
        moving = Stored()
        for path in segments[-_STILL_MOVING:]:
            moving.add(read_segment(path))
        moving.doubled += sorted(moving.keys & self._sealed.keys)
        return self._sealed, moving


def _segments(journal: Path) -> list[Path]:
    """Of each segment the file that counts: the packed one, where there are both for a moment."""
    plain = {path.name: path for path in journal.glob("*.ndjson")}
    packed = {path.name.removesuffix(_PACKED): path for path in journal.glob(f"*.ndjson{_PACKED}")}
    return [path for _, path in sorted((plain | packed).items())]


def _seen(path: Path) -> tuple[str, int]:
    try:
        return path.name, path.stat().st_size
    except FileNotFoundError:  # packed at this moment
        return "", 0


def _events(path: Path) -> int:
    """The checksum of a segment's events, which is the same in either form."""
    return crc32(b"\n".join(_lines(path)))


def _lines(path: Path) -> list[bytes]:
    """Its events."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # packed at this moment
        path = path.with_name(path.name + _PACKED)
        content = path.read_bytes()
    text = zstd.decompress(content) if path.suffix == _PACKED else content
    return [each for each in text.splitlines() if not each.startswith((b'{"_segment"', b'{"_commit"'))]


def read_segment(path: Path) -> Stored:
    """Every event of one file."""
    stored = Stored()
    for line in _lines(path):
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
