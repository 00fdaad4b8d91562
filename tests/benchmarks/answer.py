"""Acknowledged batches per second, and how long an answer takes, by the number of concurrent senders.

Every body holds 100 events of the realistic mix, on a kept connection and in a stream of its sender's own;
an answer means that its events are on disk and counted. The senders work in a process of their own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.senders import EVENTS
from tests.end_to_end.live import LiveService

SENDERS = (1, 16, 64)


class _Round(NamedTuple):
    batches_per_second: float
    p50_ms: float
    p99_ms: float
    batches_per_sync: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    quick = parser.parse_args(arguments).quick
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    print(f"Acknowledged batches of {EVENTS} events, by concurrent senders; medians of {rounds} rounds")
    print(
        f"{'senders':>7}  {'batches':>9}  {'events':>11}  {'p50':>8}  {'p99':>8}  {'batches per fsync':>17}"
    )
    measured: dict[int, list[_Round]] = {senders: [] for senders in SENDERS}
    with tempfile.TemporaryDirectory() as folder, LiveService(Path(folder) / "data") as live:
        _round(live, max(SENDERS), seconds / 3)  # warm
        for _ in range(rounds):
            for senders, results in measured.items():
                results.append(_round(live, senders, seconds))
    for senders, results in measured.items():
        rate, p50, p99, shared = map(statistics.median, zip(*results, strict=True))
        print(
            f"{senders:>7}  {rate:>7,.0f}/s  {rate * EVENTS:>9,.0f}/s  {p50:>5.2f} ms  {p99:>5.2f} ms"
            f"  {shared:>17.1f}"
        )


def _round(live: LiveService, senders: int, seconds: float) -> _Round:
    before = _commits(live)
    port = live.url.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.benchmarks.senders", port, str(senders), str(seconds)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    batches, syncs = (after - earlier for after, earlier in zip(_commits(live), before, strict=True))
    return _Round(
        found["batches"] / found["seconds"], found["p50"] * 1e3, found["p99"] * 1e3, batches / syncs
    )


def _commits(live: LiveService) -> tuple[float, float]:
    """Batches made durable so far, and by how many calls of fdatasync."""
    samples = dict(line.rsplit(" ", 1) for line in live.get("/metrics").data.decode().splitlines())
    batches, syncs = "logweir_journal_commits_total", "logweir_journal_commit_duration_seconds_count"
    return float(samples[batches]), float(samples[syncs])


if __name__ == "__main__":
    main()
