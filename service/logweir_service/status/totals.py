"""What a running service has counted until now, read of its own metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Histogram

from logweir_service.telemetry import Telemetry

from .trends import Totals

_TAKEN: Final = "200"


def totals_of(
    telemetry: Telemetry,
    *,
    clock: Callable[[], float] = time.time,
    ticks: Callable[[], float] = time.monotonic,
) -> Totals:
    """Read them; on the thread that counts."""
    requests = _by_labels(telemetry.requests, "status", "code")
    return Totals(
        at=clock(),
        ticks=ticks(),
        events=_sum(telemetry.accepted),
        errors=_sum(telemetry.errors),
        bytes=_sum(telemetry.received_bytes),
        rejects={key[0]: count for key, count in _by_labels(telemetry.rejected, "code").items()},
        refusals={f"{key[0]} {key[1]}": count for key, count in requests.items() if key[0] != _TAKEN},
        commit_buckets=[count for _, count in commits(telemetry.commit_seconds)],
    )


def commits(seconds: Histogram) -> list[tuple[float, float]]:
    """Bounds, infinity the last, and how many commits took no longer."""
    return [
        (float(sample.labels["le"]), sample.value)
        for family in seconds.collect()
        for sample in family.samples
        if sample.name.endswith("_bucket")
    ]


def _by_labels(counter: Counter, *labels: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def _sum(counter: Counter) -> float:
    return sum(_by_labels(counter).values())
