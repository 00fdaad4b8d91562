"""What instruments cost an example FastAPI application under a fixed load: p50, p99, and CPU.

    python -m tests.benchmarks.web [--quick]

An open loop in a process of its own asks one variant after the other for a second each, in shuffled order, so
that what else the machine does falls on all of them; some such seconds are a round. Each round is compared
with that of the application alone at the same time, and medians of these are printed. The application stands
there twice: what the second seems to lose is what noise makes of nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.sink import Sink, running_sink
from tests.benchmarks.targets import cpu_seconds
from tests.benchmarks.web_app import KINDS

Program = subprocess.Popen[str]

ALONE, AGAIN, OURS, THEIRS = KINDS
RATE = 250.0
MAX_LOSS = 0.02
_HUNDREDTHS = 100


class Round(NamedTuple):
    """What one variant did for some seconds."""

    seconds: list[float]
    cpu: float
    """Seconds per request."""

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.seconds, n=_HUNDREDTHS)[percent - 1]


class Application(NamedTuple):
    """One variant, running."""

    program: Program
    port: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    processes, rounds, turns = (1, 3, 2) if parser.parse_args(arguments).quick else (3, 4, 5)
    measured = measure(processes, rounds, turns)
    print(
        f"A FastAPI application at {RATE:.0f} requests a second: medians of {processes * rounds} rounds of"
        f" {turns} s, in {processes} processes; load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':54} {'p50':>9} {'':>6} {'p99':>9} {'':>6} {'CPU per request':>15}")
    for name, found in measured.items():
        line = f"{name:54}"
        for percent in (50, 99):
            median = statistics.median(each.percentile(percent) for each in found)
            line += f" {median * 1e3:>6.2f} ms {loss(measured, name, percent):>+6.1%}"
        print(f"{line} {statistics.median(each.cpu for each in found) * 1e6:>12.0f} us")
    for line in judged(measured):
        print(line)


def measure(processes: int, rounds: int, turns: int) -> dict[str, list[Round]]:
    """All rounds of all variants."""
    dice = random.Random(1)
    found: dict[str, list[Round]] = {name: [] for name in KINDS}
    with running_sink() as sink, process("tests.benchmarks.web_client") as client:
        for _ in range(processes):
            with applications(sink) as apps:
                one_round(apps, client, turns=1, dice=dice)  # to warm up
                for _ in range(rounds):
                    for name, each in one_round(apps, client, turns=turns, dice=dice).items():
                        found[name].append(each)
    return found


def one_round(
    apps: Mapping[str, Application], client: Program, *, turns: int, dice: random.Random
) -> dict[str, Round]:
    """Some seconds of each variant."""
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    before = {name: cpu_seconds(app.program.pid) for name, app in apps.items()}
    for _ in range(turns):
        for name in dice.sample([*apps], len(apps)):
            seconds[name] += _asked(client, f"{apps[name].port} {RATE} 1")
    return {
        name: Round(seconds[name], (cpu_seconds(app.program.pid) - before[name]) / len(seconds[name]))
        for name, app in apps.items()
    }


@contextlib.contextmanager
def applications(sink: Sink) -> Iterator[dict[str, Application]]:
    """A process for each variant."""
    with contextlib.ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory())
        apps = {}
        for number, name in enumerate(KINDS):
            spool = str(Path(folder) / str(number))
            program = running.enter_context(process("tests.benchmarks.web_app", name, sink.url, spool))
            apps[name] = Application(program, int(_line(program)))
        yield apps


def loss(measured: Mapping[str, Sequence[Round]], name: str, percent: int) -> float:
    """What a variant's percentile is above that of the application alone: the median over the rounds."""
    pairs = zip(measured[name], measured[ALONE], strict=True)
    return statistics.median(own.percentile(percent) / alone.percentile(percent) for own, alone in pairs) - 1


def judged(measured: Mapping[str, Sequence[Round]]) -> list[str]:
    """A line for every mark: whether it holds in this run."""
    ours, theirs, noise = (loss(measured, name, 99) for name in (OURS, THEIRS, AGAIN))
    few = f"the middleware loses at most {MAX_LOSS:.0%} at p99: {ours:.1%}; nothing loses {noise:.1%}"
    fewer = f"and less than the libraries in process, {theirs:.1%}"
    marks = ((few, ours <= MAX_LOSS), (fewer, ours < theirs))
    return [f"mark {'holds' if holds else 'MISSED'}: {mark}" for mark, holds in marks]


@contextlib.contextmanager
def process(module: str, *arguments: str) -> Iterator[Program]:
    """A program that is told and tells by lines, ended with the block."""
    started = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate()


def _asked(client: Program, question: str) -> list[float]:
    assert client.stdin is not None
    client.stdin.write(question + "\n")
    client.stdin.flush()
    answer: list[float] = json.loads(_line(client))
    return answer


def _line(program: Program) -> str:
    assert program.stdout is not None
    line = program.stdout.readline()
    if not line:
        raise RuntimeError(f"{program.args!r} ended with {program.wait()}")
    return line


if __name__ == "__main__":
    main()
