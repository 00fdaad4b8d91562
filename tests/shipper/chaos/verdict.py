"""Holds what the service stored and counted against what the application emitted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .application import EVENT

_SHOWN = 3
"""Of each kind of fault, so many examples are told."""


class Verdict(NamedTuple):
    """What was found."""

    emitted: int
    stored: int
    missing: int
    doubled: int
    faults: list[str]


def judge(emitted: Mapping[str, int], events: list[dict[str, Any]], series: Mapping[str, float]) -> Verdict:
    """`emitted` is the last number of each writer, `events` all that is stored, `series` what is exposed.

    A writer may have been killed between `emit` and its counter, so that one number more may be there.
    """
    said = [event for event in events if event["event"] == EVENT]
    numbers = Counter((event["writer"], event["number"]) for event in said)
    missing = [
        (writer, number)
        for writer, last in emitted.items()
        for number in range(1, last + 1)
        if (writer, number) not in numbers
    ]
    doubled = [key for key, count in numbers.items() if count > 1]
    unknown = [(writer, number) for writer, number in numbers if number > emitted.get(writer, -1) + 1]
    counted = sum(value for name, value in series.items() if name.startswith("log_events_total{"))
    lost = {name: value for name, value in series.items() if name.startswith("logweir_events_lost") and value}
    faults = [
        *_told("missing", missing),
        *_told("stored twice", doubled),
        *_told("stored, and never emitted", unknown),
    ]
    if counted != len(events):
        faults.append(f"{len(events)} events are stored, {counted:.0f} counted")
    if lost:
        faults.append(f"the service says that events are lost: {lost}")
    return Verdict(sum(emitted.values()), len(numbers), len(missing), len(doubled), faults)


def _told(what: str, found: list[tuple[str, int]]) -> list[str]:
    examples = ", ".join(f"{writer} {number}" for writer, number in sorted(found)[:_SHOWN])
    return [f"{len(found)} {what}: {examples}"] if found else []


def stored(journal: Path) -> Iterator[dict[str, Any]]:
    """Every event in a journal whose service has stopped, read with no code of the service."""
    for path in sorted(journal.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            if not line.startswith((b'{"_segment"', b'{"_commit"')):
                yield json.loads(line)


def series_of(page: bytes) -> dict[str, float]:
    """The values on a page of metrics by the text of their series."""
    lines = [line for line in page.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
