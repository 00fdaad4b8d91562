"""From kill -9 to ready, where 64 MB of the journal stand behind the last checkpoint.

That is the worst case: checkpoints are made so often that the tail is shorter in normal life, so here they
are deleted before each start. The clock runs from the start of the new process, and what of it the
interpreter and the imports take is shown beside it. Python finds its modules compiled, as after an
installation, also where this environment says that it shall write no bytecode.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from signal import SIGKILL
from uuid import uuid4

from tests.benchmarks.corpus import lines
from tests.end_to_end.live import LiveService

TAIL_BYTES = 64 << 20
BATCH = 100
_SPARE_BYTES = 1 << 20
"""The tail ends so much before the segment does, so that it stands in one segment."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    rounds = 3 if parser.parse_args(arguments).quick else 11
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        with LiveService(data, environment=compiled) as live:
            events = _fill(live)
            tail = sum(segment.stat().st_size for segment in (data / "journal").iterdir())
            counted = _requests(live)
            ready, reading = zip(*((_start(live), _reading(live)) for _ in range(rounds)), strict=True)
            if _requests(live) != counted:
                raise SystemExit(f"counted {_requests(live)} requests, and {counted} before the kill")
        shutil.rmtree(data)
        with LiveService(data, environment=compiled) as live:
            empty = [_start(live) for _ in range(rounds)]
        imports, python = (_timed(rounds, code, compiled) for code in ("import logweir_service.app", "pass"))
    rows = {
        f"ready, with a tail of {tail / (1 << 20):.0f} MB": ready,
        "of it reading the journal": reading,
        "ready, with an empty journal": empty,
        "of it the interpreter and the imports": imports,
        "of it the interpreter": python,
    }
    print(
        f"Seconds from kill -9 to ready; {events:,} events in the tail, median and worst of {rounds} rounds"
    )
    print(f"{'':40}  {'median':>6}  {'worst':>6}")
    for name, seconds in rows.items():
        print(f"{name:40}  {statistics.median(seconds):>6.2f}  {max(seconds):>6.2f}")


def _fill(live: LiveService) -> int:
    """Send events until the journal is as large as it shall be; returns how many."""
    dice, stream = random.Random(1), str(uuid4())
    bodies = [b"".join(line + b"\n" for line in lines(BATCH, dice)) for _ in range(8)]
    sent = size = 0
    while size + len(bodies[0]) < TAIL_BYTES - _SPARE_BYTES:
        body = bodies[sent // BATCH % len(bodies)]
        answer = live.post(body, Logweir_Stream=stream, Logweir_Seq=str(sent + 1))
        if answer.status != 200:
            raise RuntimeError(f"the service answered {answer.status}: {answer.data!r}")
        sent += BATCH
        size += len(body) + 220  # and its commit line
    return sent


def _start(live: LiveService) -> float:
    """Seconds from the start of the process that follows on a killed one until it says that it is ready."""
    live.stop(SIGKILL)
    live.log.clear()
    for checkpoint in (live.data / "checkpoints").glob("*.checkpoint"):
        checkpoint.unlink()
    started = time.perf_counter()
    live.launch()
    while not any("is ready" in line for line in live.log):  # to ask it all the time would slow it down
        time.sleep(0.002)
    while not live.is_ready():
        time.sleep(0.002)
    return time.perf_counter() - started


def _reading(live: LiveService) -> float:
    """Seconds that the service's own log has between the open port and the end of recovery."""
    while len(told := [line for line in live.log if "listening on" in line or "is ready" in line]) < 2:
        time.sleep(0.01)
    listening, ready = (
        datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007 - only their difference counts
        for line in told
    )
    return (ready - listening).total_seconds()


def _requests(live: LiveService) -> int:
    """What ``http_requests_total`` adds up to."""
    samples = (
        line for line in live.get("/metrics").data.splitlines() if line.startswith(b"http_requests_total")
    )
    return sum(int(sample.rpartition(b" ")[2]) for sample in samples)


def _timed(rounds: int, code: str, environment: Mapping[str, str]) -> list[float]:
    """Seconds that each run of some Python takes: garbage is not collected, as in a start, nor at its end."""
    command = [sys.executable, "-c", f"import gc, os; gc.disable(); {code}; os._exit(0)"]
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, env={**os.environ, **environment}, check=True)
        taken.append(time.perf_counter() - started)
    return taken


if __name__ == "__main__":
    main()
