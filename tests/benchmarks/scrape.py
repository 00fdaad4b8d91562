"""What a scrape costs by the number of series, beside prometheus_client with the same content; and the
longest time for which the loop stands still while a service with 100,000 series is scraped and takes events.

A histogram has 10 bounds and so is 13 series, as Prometheus counts them. Labels are like those of the HTTP
metrics, in an order of their own, as they come in life. CPU time of whole pages in the text format, medians;
the first page, for which all series are new to the writer, is shown beside them. The loop is the service's
own, in this process, and no checkpoint falls into that time; a task that wakes every millisecond tells how
late it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import metrics as prometheus_metrics

from logweir_service.app import compose, running
from logweir_service.app.collecting import leave_series_out
from logweir_service.derive import Derivation
from logweir_service.pipeline import Delivery, Pipeline
from logweir_service.rules import LabelRule, MetricRule, RuleSet, ValueRule
from logweir_service.settings import Settings
from tests.service.derive.events import RECEIVED, decoded

SERIES = (10_000, 100_000)
LABELS = ("service", "environment", "http_request_method", "http_route", "http_response_status_code")
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LINES = {"counter": 1, "histogram": len(BOUNDS) + 3}
NAMES = {"counter": "http_requests_total", "histogram": "http_request_duration_seconds"}
RULE = """version: 1
metrics:
  - {{name: http_requests_total, type: counter, event: x.a, max_series: 100000, max_label_values: 100000,
     labels: {{{labels}}}}}
"""

_without_created_series: Callable[[], None] = prometheus_metrics.disable_created_metrics


def main(arguments: Sequence[str] | None = None) -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    quick = parser.parse_args(arguments).quick
    _without_created_series()  # the text format of Logweir has none
    print("Pages in the text format: CPU time, and bytes per series")
    print(
        f"{'':10}  {'series':>7}  {'Logweir':>9}  {'first':>8}  {'prometheus_client':>17}  {'ratio':>6}"
        f"  {'bytes per series':>16}"
    )
    for kind, series in product(NAMES, SERIES):
        _compare(kind, series, rounds=3 if quick else 9)
    print()
    print(f"The longest time for which the loop stood still, {SERIES[-1]:,} counters, events coming in")
    asyncio.run(_stand_still(seconds=2.0 if quick else 5.0))


def label_texts(count: int) -> list[tuple[str, ...]]:
    """The labels of so many series, in an order of their own."""
    found: list[tuple[str, ...]] = [
        (f"service-{number % 50}", "production", "GET", f"/api/v1/things/{number // 50}/parts", "200")
        for number in range(count)
    ]
    random.Random(1).shuffle(found)
    return found


def _compare(kind: str, series: int, *, rounds: int) -> None:
    rows = label_texts(series // LINES[kind])
    derivation, registry = _derivation(kind, rows), _registry(kind, rows)
    first = _seconds(lambda: derivation.expose(openmetrics=False))
    own, other = [], []
    for _ in range(rounds):
        own.append(_seconds(lambda: derivation.expose(openmetrics=False)))
        other.append(_seconds(lambda: generate_latest(registry)))
    text = derivation.expose(openmetrics=False)
    if text.count(b"\n") != generate_latest(registry).count(b"\n"):
        raise SystemExit("the pages differ in their number of lines")
    ours, theirs = statistics.median(own), statistics.median(other)
    print(
        f"{kind:10}  {series:>7,}  {ours * 1e3:>6.1f} ms  {first * 1e3:>5.0f} ms  {theirs * 1e3:>14.0f} ms"
        f"  {theirs / ours:>5.0f}x  {len(text) / series:>16.0f}"
    )


def _derivation(kind: str, rows: Sequence[tuple[str, ...]]) -> Derivation:
    rule = MetricRule(
        name=NAMES[kind],
        type="histogram" if kind == "histogram" else "counter",
        help="Requests.",
        events=("x.a",),
        labels=tuple(LabelRule(name=name, fields=(name,)) for name in LABELS),
        buckets=BOUNDS if kind == "histogram" else (),
        value=ValueRule(field="n") if kind == "histogram" else None,
        max_series=len(rows),
        max_label_values=len(rows),
    )
    rules = RuleSet(metrics=(rule,))
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [_event(row, n=0.3) for row in rows]), RECEIVED)
    return derivation


def _registry(kind: str, rows: Sequence[tuple[str, ...]]) -> CollectorRegistry:
    registry = CollectorRegistry()
    if kind == "counter":
        counter = Counter(NAMES[kind], "Requests.", LABELS, registry=registry)
        for row in rows:
            counter.labels(*row).inc()
    else:
        histogram = Histogram(NAMES[kind], "Requests.", LABELS, registry=registry, buckets=BOUNDS)
        for row in rows:
            histogram.labels(*row).observe(0.3)
    return registry


def _event(row: tuple[str, ...], **fields: object) -> dict[str, Any]:
    return {**dict(zip(LABELS, row, strict=True)), **fields}


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


async def _stand_still(*, seconds: float) -> None:
    rows = label_texts(SERIES[-1])
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULE.format(labels=", ".join(f"{name}: {name}" for name in LABELS)))
        given: dict[str, Any] = {
            "LOGWEIR_DATA": Path(folder) / "data",
            "LOGWEIR_RULES": str(rules),
            "LOGWEIR_CHECKPOINT_SECONDS": 3600,
        }
        async with running(service := compose(Settings(**given))):
            collecting = asyncio.create_task(leave_series_out(service.pipeline.series))
            bodies = [_body(rows[start : start + 100]) for start in range(0, len(rows), 100)]
            for body in bodies:
                await service.pipeline.submit(Delivery(body))
            await _measured(service.pipeline, bodies, seconds=seconds, scraping=True)  # warm
            for scraping in (False, True):
                late, answers, pages = await _measured(
                    service.pipeline, bodies, seconds=seconds, scraping=scraping
                )
                print(
                    f"{f'{pages} zipped pages' if scraping else 'no page':15}  {max(late) * 1e3:>5.1f} ms"
                    f"   p99 of answers {statistics.quantiles(answers, n=100)[98] * 1e3:>5.1f} ms,"
                    f" longest {max(answers) * 1e3:>5.1f} ms"
                )
            collecting.cancel()


async def _measured(
    pipeline: Pipeline, bodies: Sequence[bytes], *, seconds: float, scraping: bool
) -> tuple[list[float], list[float], int]:
    """How late a ticking task woke, how long answers took, and how many pages were made."""
    until = time.perf_counter() + seconds
    late, answers, pages = [0.0], [], 0

    async def tick() -> None:
        while (before := time.perf_counter()) < until:
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - before - 0.001)

    async def send() -> None:
        dice = random.Random(1)
        while (before := time.perf_counter()) < until:
            await pipeline.submit(Delivery(dice.choice(bodies)))
            answers.append(time.perf_counter() - before)
            await asyncio.sleep(0.008)

    async def scrape() -> None:
        nonlocal pages
        while scraping and time.perf_counter() < until:
            await pipeline.scrapes.page(openmetrics=True, gzip=True)
            pages += 1
            await asyncio.sleep(0.3)

    await asyncio.gather(tick(), send(), scrape())
    return late, answers, pages


def _body(rows: Sequence[tuple[str, ...]]) -> bytes:
    always = {"event": "x.a", "level": "info", "timestamp": "2026-01-01T00:00:00Z"}
    return b"".join(json.dumps({**always, **_event(row)}).encode() + b"\n" for row in rows)


if __name__ == "__main__":
    main()
