"""What a flood of made-up values costs: some series, some time, no memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logweir_service.derive import Derivation
from logweir_service.event import Event, attribute
from logweir_service.rules import load

from .events import RECEIVED, decoded, samples

RULES = load(["packs/http", "packs/errors"])
REQUEST = {"event": "http.request", "http_request_method": "GET", "http_route": "/", "duration_seconds": 0.1}
MAX_SERIES = 5000
MAX_GROWTH_MIB = 24
FIELDS = {
    "who sends": ("service", "environment"),
    "what is asked": ("http_route", "http_request_method"),
    "what fails": ("error_type", "component"),
    "names": ("event",),
}
EVENTS = {"names": 60_000}


def flood(fields: tuple[str, ...], start: int, end: int) -> Iterator[list[Event]]:
    """Batches of requests, each with values of its own in `fields`; every other one is an error."""
    batch = decoded(RULES, [REQUEST | {"level": level} for level in ("info", "error")] * 500)
    for first in range(start, end, len(batch)):
        for number, event in enumerate(batch, start=first):
            for field in fields:
                setattr(event, attribute(field), f"made-up-{number}")
        yield batch


def resident_mib() -> float:
    """Memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.fault(40)
@pytest.mark.parametrize("kind", FIELDS)
def test_a_million_made_up_values_leave_series_and_memory_bounded_and_totals_right(kind: str) -> None:
    events = EVENTS.get(kind, 171_000)
    derivation = Derivation(RULES, max_series=MAX_SERIES)
    for batch in flood(FIELDS[kind], 0, events // 3):
        derivation.apply(batch, RECEIVED)
    series, memory = derivation.series, resident_mib()
    for batch in flood(FIELDS[kind], events // 3, events):
        derivation.apply(batch, RECEIVED)
    assert derivation.series == series <= MAX_SERIES + 2 * len(RULES.metrics)
    assert resident_mib() - memory < MAX_GROWTH_MIB
    shown = samples(derivation)
    assert sum(value for name, value in shown.items() if name.startswith("errors_total")) == events // 2
    assert kind == "names" or any("__other__" in name for name in shown)
