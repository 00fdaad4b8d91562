"""One candidate in a process of its own: nothing of another is imported, patched or running in it.

    python -m tests.benchmarks.emitting NAME HTTP_PORT TCP_PORT FOLDER

Says ``{}``, or which package is missing; then measures a round for every line that it reads, and prints it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.candidates import Candidate, Missing, Surroundings, set_unrelated_variables
from tests.benchmarks.doors import DOORS
from tests.benchmarks.peers import PEERS
from tests.benchmarks.sink import Sink

EVENTS_PER_ROUND = 800
"""Fewer than OpenTelemetry's ring holds, so that nobody drops any."""
WARM_UP_EVENTS = 50
KEEPING_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
"""For glibc: whether it gives a queue's pages back to the kernel, and takes them anew in every round, hangs
on what else happens to lie behind them, and makes a deque cost twice as much or not."""


class Cost(NamedTuple):
    """Microseconds of CPU per event: of the thread that emits, and of its whole process until delivered."""

    thread: float
    process: float


def cost_of(candidate: Candidate) -> Cost:
    """One round."""
    for _ in range(WARM_UP_EVENTS):
        candidate.emit()
    candidate.settle()
    gc.collect()
    emit, times = candidate.emit, range(EVENTS_PER_ROUND)
    process_started, started = time.process_time_ns(), time.thread_time_ns()
    for _ in times:
        emit()
    thread = time.thread_time_ns() - started
    candidate.settle()
    process = time.process_time_ns() - process_started
    return Cost(thread / EVENTS_PER_ROUND / 1000, process / EVENTS_PER_ROUND / 1000)


class Emitting:
    """A candidate's process; `missing` is the package that it would need, or empty."""

    def __init__(self, name: str, sink: Sink, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.emitting", name, *map(str, sink), str(folder)]
        self._process = subprocess.Popen(
            command,
            env=os.environ | KEEPING_MEMORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.missing: str = self._read().get("missing", "")

    def round(self) -> Cost:
        """Measure once."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Cost(**self._read())

    def end(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a candidate ended with {self._process.wait()}: {self._process.args!r}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextlib.contextmanager
def emitting(name: str, sink: Sink, folder: Path) -> Iterator[Emitting]:
    """A candidate that is ended with the block."""
    process = Emitting(name, sink, folder)
    try:
        yield process
    finally:
        process.end()


def main(name: str, http_port: str, tcp_port: str, folder: str) -> None:
    """Serve the process that asks."""
    set_unrelated_variables()
    surroundings = Surroundings(Sink(int(http_port), int(tcp_port)), Path(folder) / str(os.getpid()))
    try:
        candidate = (DOORS | PEERS)[name](surroundings)
    except Missing as fault:
        print(json.dumps({"missing": str(fault)}), flush=True)
        return
    cost_of(candidate)
    print("{}", flush=True)
    for _ in sys.stdin:
        print(json.dumps(cost_of(candidate)._asdict()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
