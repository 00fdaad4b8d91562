"""CPU per emitted event: of the application's thread, and of its whole process until all is delivered.

    python -m tests.benchmarks.emit [--quick]

Our doors stand next to what others offer. Each works in a process of its own, one at a time, in rounds whose
order is shuffled, and in some processes one after the other, since two of the same may differ; medians are
printed, and their ratios to python-json-logger's faster formatter. Others write to /dev/null where that is
what they do, else, as we do over HTTP, to a server in another process that takes everything. "A deque" is the
least that a queue in memory could be: it has no bound, survives nothing, and retries nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.doors import DEQUE, DOORS
from tests.benchmarks.emitting import EVENTS_PER_ROUND, Cost, Emitting, emitting
from tests.benchmarks.peers import BASELINE, OPENTELEMETRY, PEERS
from tests.benchmarks.sink import Sink, running_sink

INSTALL = "pip install -r requirements-bench.lock"
DURABLE = "crash"
MARKS = (
    (f"logweir.emit, {DURABLE}", f"logweir.emit, {DEQUE}", 1.3),
    (f"logweir.get_logger, {DURABLE}", f"logweir.get_logger, {DEQUE}", 1.3),
    (f"logweir.emit, {DURABLE}", "logweir.emit, memory", 1.3),
    (f"logweir.get_logger, {DURABLE}", OPENTELEMETRY, 0.25),
)
"""What is held to be at most so many times what else costs the application's thread."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run, not how fast")
    processes, rounds = (1, 3) if parser.parse_args(arguments).quick else (5, 5)
    medians, missing = measure(processes, rounds)
    print(
        f"CPU per event: medians of {processes * rounds} rounds of {EVENTS_PER_ROUND} events,"
        f" in {processes} processes; load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':50} {'thread':>10} {'ratio':>6} {'process':>11} {'ratio':>6}")
    base = medians[BASELINE]
    for name, cost in medians.items():
        print(
            f"{name:50} {cost.thread:>7.2f} us {cost.thread / base.thread:>6.2f}"
            f" {cost.process:>8.2f} us {cost.process / base.process:>6.2f}"
        )
    for name, package in missing.items():
        print(f"{name:50} left out: {package} is not installed ({INSTALL})")
    for line in judged(medians):
        print(line)


def measure(processes: int, rounds: int) -> tuple[dict[str, Cost], dict[str, str]]:
    """The median of each candidate's rounds, and the packages of those that are left out."""
    measured: dict[str, list[Cost]] = {}
    missing: dict[str, str] = {}
    dice = random.Random(1)
    with running_sink() as sink:
        for _ in range(processes):
            with candidates(sink, missing) as started:
                for _ in range(rounds):
                    for name in dice.sample([*started], len(started)):
                        measured.setdefault(name, []).append(started[name].round())
    medians = {
        name: Cost(*map(statistics.median, zip(*measured[name], strict=True)))
        for name in DOORS | PEERS
        if name in measured
    }
    return medians, missing


@contextlib.contextmanager
def candidates(sink: Sink, missing: dict[str, str]) -> Iterator[dict[str, Emitting]]:
    """A process for each candidate; `missing` is told the packages of those that are left out."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as processes:
        started = {}
        for name in (DOORS | PEERS).keys() - missing.keys():
            process = processes.enter_context(emitting(name, sink, Path(folder)))
            if process.missing:
                missing[name] = process.missing
            else:
                started[name] = process
        yield started


def judged(medians: Mapping[str, Cost]) -> list[str]:
    """A line for every mark: whether it holds in this run."""
    lines = []
    for name, other, most in MARKS:
        if name in medians and other in medians:
            ratio = medians[name].thread / medians[other].thread
            verdict = "holds" if ratio <= most else "MISSED"
            lines.append(f"mark {verdict}: {name} at most {most} x {other}: {ratio:.2f}")
    return lines


if __name__ == "__main__":
    main()
