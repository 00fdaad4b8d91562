"""The servers that are measured, and the load that they are measured under."""

from __future__ import annotations

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.benchmarks.corpus import lines
from tests.end_to_end.live import LiveService

CONNECTIONS = 4
BODIES = 8
_SCHEDULER_CLOCK = 2
"""Of clock_getcpuclockid(3), which Python lacks: nanoseconds, where /proc has hundredths of a second."""


class Target:
    """A server under load."""

    def __init__(self, pid: int, port: int, *, array: bool) -> None:
        self.port = port
        self._pid = pid
        self._array = array

    def send(self, bodies: list[Body], *, events: int, batch: int) -> tuple[float, float]:
        """Microseconds of server CPU, and of wall time, per event."""
        posts = events // batch // CONNECTIONS
        threads = [
            threading.Thread(target=self._connection, args=(bodies, posts, batch)) for _ in range(CONNECTIONS)
        ]
        before, started = cpu_seconds(self._pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = posts * batch * CONNECTIONS
        wall = time.perf_counter() - started
        return (cpu_seconds(self._pid) - before) / sent * 1e6, wall / sent * 1e6

    def _connection(self, bodies: list[Body], posts: int, batch: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
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


class Body(NamedTuple):
    """The same events as each server wants them, made once, so that the sender costs little."""

    lines: bytes
    array: bytes


def make_bodies(batch: int, *, stacks: bool) -> list[Body]:
    """Different ones, so that a server's caches do not flatter it."""
    dice = random.Random(1)
    bodies = []
    for _ in range(BODIES):
        made = lines(batch, dice, stacks=stacks)
        bodies.append(Body(b"".join(line + b"\n" for line in made), b"[" + b",".join(made) + b"]"))
    return bodies


def cpu_seconds(pid: int) -> float:
    """What a process has used until now, with all its threads."""
    return time.clock_gettime(~pid << 3 | _SCHEDULER_CLOCK)


@contextmanager
def logweir(folder: Path, *, rules: str = "packs") -> Iterator[Target]:
    """The service as it is run, with its journal in `folder`."""
    with LiveService(folder / "data", "--rules", rules) as live:
        yield Target(live.process.pid, int(live.url.rpartition(":")[2]), array=False)


@contextmanager
def plain(folder: Path) -> Iterator[Target]:
    """The service that a team writes by hand, with its file in `folder`."""
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
        yield Target(process.pid, port, array=True)
    finally:
        process.terminate()
        process.wait()
