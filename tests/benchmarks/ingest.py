"""Server CPU per event over real HTTP, beside a plain FastAPI service, in the same run.

Both get the same events from four keep-alive connections; rounds alternate; medians are printed. Logweir
answers after fdatasync and keeps its numbers; the plain service writes a file and syncs nothing.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.benchmarks.corpus import lines
from tests.end_to_end.live import LiveService

CONNECTIONS = 4
BODIES = 8
_TICKS = os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    quick = parser.parse_args(arguments).quick
    rounds = 3 if quick else 7
    total = 100_000 if quick else 400_000
    print(f"Server CPU per event, and rate; {CONNECTIONS} connections, medians of {rounds} rounds")
    print(f"{'batch':>6}  {'logweir':>12}  {'plain':>12}  {'ratio':>6}  {'logweir':>12}  {'plain':>12}")
    for batch, stacks in ((1000, False), (1000, True), (100, False)):
        mark = "*" if stacks else " "
        bodies = _bodies(batch, stacks=stacks)
        with (
            tempfile.TemporaryDirectory() as folder,
            _logweir(Path(folder)) as ours,
            _plain(Path(folder)) as plain,
        ):
            for target in (ours, plain):
                target.send(bodies, events=10 * batch * CONNECTIONS, batch=batch)  # warm
            results = [
                (
                    ours.send(bodies, events=total, batch=batch),
                    plain.send(bodies, events=total // 4, batch=batch),
                )
                for _ in range(rounds)
            ]
        cpu = [statistics.median(pair[side][0] for pair in results) for side in (0, 1)]
        wall = [statistics.median(pair[side][1] for pair in results) for side in (0, 1)]
        print(
            f"{batch:>5}{mark}  {cpu[0]:>9.2f} us  {cpu[1]:>9.2f} us  {cpu[1] / cpu[0]:>5.1f}x"
            f"  {1e6 / wall[0]:>9,.0f} /s  {1e6 / wall[1]:>9,.0f} /s"
        )
    print("* 3 % of the events are errors with a stack of 15 frames")


class _Target:
    """A server under load."""

    def __init__(self, pid: int, port: int, *, array: bool) -> None:
        self._pid = pid
        self._port = port
        self._array = array
        self._streams = itertools.count()

    def send(self, bodies: list[_Body], *, events: int, batch: int) -> tuple[float, float]:
        """Microseconds of server CPU, and of wall time, per event."""
        posts = events // batch // CONNECTIONS
        threads = [
            threading.Thread(target=self._connection, args=(bodies, posts, batch)) for _ in range(CONNECTIONS)
        ]
        before, started = _cpu_seconds(self._pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = posts * batch * CONNECTIONS
        wall = time.perf_counter() - started
        return (_cpu_seconds(self._pid) - before) / sent * 1e6, wall / sent * 1e6

    def _connection(self, bodies: list[_Body], posts: int, batch: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        kind = "application/json" if self._array else "application/x-ndjson"
        stream = str(uuid4())
        for number in range(posts):
            body = bodies[number % len(bodies)]
            headers = {"Content-Type": kind}
            if not self._array:
                headers |= {"Logweir-Stream": stream, "Logweir-Seq": str(number * batch + 1)}
                headers["Logweir-Scrubbed"] = "1"  # as a shipper does
            connection.request("POST", "/v1/events", body.array if self._array else body.lines, headers)
            answer = connection.getresponse()
            receipt = json.loads(answer.read())
            if answer.status != 200 or receipt["accepted"] != batch:
                raise RuntimeError(f"the server answered {answer.status}: {receipt}")


class _Body(NamedTuple):
    """The same events as each server wants them, made once, so that the sender costs little."""

    lines: bytes
    array: bytes


def _bodies(batch: int, *, stacks: bool) -> list[_Body]:
    dice = random.Random(1)
    bodies = []
    for _ in range(BODIES):
        made = lines(batch, dice, stacks=stacks)
        bodies.append(_Body(b"".join(line + b"\n" for line in made), b"[" + b",".join(made) + b"]"))
    return bodies


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def _logweir(folder: Path) -> Iterator[_Target]:
    with LiveService(folder / "data") as live:
        yield _Target(live.process.pid, int(live.url.rpartition(":")[2]), array=False)


@contextmanager
def _plain(folder: Path) -> Iterator[_Target]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.plain_service",
        str(port),
        str(folder / "plain.ndjson"),
    ]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield _Target(process.pid, port, array=True)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
