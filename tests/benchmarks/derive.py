"""Microseconds per event of decoding and deriving a realistic mix, with all packs, in batches of 1000.

Run ``python -m tests.benchmarks.derive``. Process CPU time, the median of several rounds; totals are checked.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from logweir_service.derive import Derivation
from logweir_service.event import event_type
from logweir_service.rules import load
from tests.benchmarks.corpus import lines

EVENTS = 100_000
BATCH = 1000


def microseconds(work: Callable[[], object], events: int) -> float:
    """CPU time of one run, per event."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / events * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    rounds = 2 if parser.parse_args(arguments).quick else 5
    events = lines(EVENTS, random.Random(1))
    bodies = [b"\n".join(events[start : start + BATCH]) for start in range(0, EVENTS, BATCH)]
    rules = load(["packs"])
    decoder: Any = msgspec.json.Decoder(event_type(rules.fields))
    derivation = Derivation(rules)
    decode, apply, text, openmetrics = [], [], [], []
    for number in range(rounds):
        decoding = applying = 0.0
        for place, body in enumerate(bodies):
            start = time.process_time()
            batch = decoder.decode_lines(body)
            decoded = time.process_time()
            derivation.apply(batch, 1.8e9 + number + place * 0.005)
            decoding += decoded - start
            applying += time.process_time() - decoded
        decode.append(decoding / EVENTS * 1e6)
        apply.append(applying / EVENTS * 1e6)
        lines_written = derivation.expose(openmetrics=False).count(b"\n")
        text.append(microseconds(lambda: derivation.expose(openmetrics=False), lines_written))
        openmetrics.append(microseconds(lambda: derivation.expose(openmetrics=True), lines_written))
    requests = sum(1 for line in events if b'"http.request"' in line)
    counted = sum(
        int(line.rpartition(b" ")[2])
        for line in derivation.expose(openmetrics=False).splitlines()
        if line.startswith(b"http_requests_total")
    )
    if counted != requests * rounds:
        raise SystemExit(f"counted {counted} of {requests * rounds} requests")
    sys.stdout.write(
        f"decode  {statistics.median(decode):.3f} us per event\n"
        f"apply   {statistics.median(apply):.3f} us per event ({derivation.series} series)\n"
        f"expose  {statistics.median(text):.3f} us per line of text ({lines_written} lines), "
        f"{statistics.median(openmetrics):.3f} in OpenMetrics\n"
    )


if __name__ == "__main__":
    main()
