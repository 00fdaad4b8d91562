"""Server CPU per event by the rules in force, beside mtail and a plain FastAPI service with the same six.

Everything that a body costs is in it: HTTP, verdict, journal and fdatasync, derivation; batches of 1000 on
four connections. Rounds are interleaved, medians are printed. Before that it is checked that Logweir and
mtail make the same numbers of the same events.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.benchmarks import rulesets
from tests.benchmarks.mtail import Mtail, samples_of
from tests.benchmarks.targets import CONNECTIONS, Body, Target, logweir, make_bodies, plain

BATCH: Final = 1000
SIX: Final = "6 rules"
SETS: Final[dict[str, Sequence[rulesets.Rule]]] = {
    "1 rule": [rulesets.NAMED[0]],
    "5 rules, for event names": rulesets.NAMED,
    SIX: rulesets.SIX,
    "6 and a counter of every event": [*rulesets.SIX, rulesets.EVERY_EVENT],
    "6 and distinct users of every event": [*rulesets.SIX, rulesets.USERS],
    "60 rules, that all match": rulesets.several(rulesets.SIX, 10),
    "600 rules, of which 6 match": [*rulesets.idle(198), *rulesets.SIX],
}
MARKS: Final = {
    "mtail": 3.0,
    "plain service": 5.0,
}
"""How much more CPU others are to take than Logweir with the same six rules."""
MARK_OF_600: Final = 1.3

Measure = Callable[[], float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
    quick = parser.parse_args(arguments).quick
    rounds, events = (3, 48_000) if quick else (7, 240_000)
    bodies = make_bodies(BATCH, stacks=False)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        contestants = _contestants(Path(folder), stack, bodies, events)
        results: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, measure in contestants.items():
                results[name].append(measure())
    print(f"Server CPU per event in batches of {BATCH}, medians of {rounds} rounds")
    _print({name: statistics.median(each) for name, each in results.items()})


def _contestants(folder: Path, stack: ExitStack, bodies: list[Body], events: int) -> dict[str, Measure]:
    """Everything that is measured, warm, by its name."""
    found: dict[str, Measure] = {}
    for number, (name, rules) in enumerate(SETS.items()):
        place = folder / str(number)
        place.mkdir()
        file = place / "rules.yaml"
        file.write_text(rulesets.document(rules))
        target = stack.enter_context(logweir(place, rules=str(file)))
        target.send(bodies, events=len(bodies) * BATCH * CONNECTIONS, batch=BATCH)
        found[name] = _sending(target, bodies, events)
        if name == SIX:
            six = target
    if Mtail.is_installed():
        mtail = Mtail(folder)
        log = folder / "mtail.log"
        _write(log, bodies, len(bodies) * CONNECTIONS)
        _check_equal(mtail, log, six)
        _write(log, bodies, events // BATCH)
        found["mtail"] = lambda: mtail.microseconds(log, events)
    else:
        print("mtail is not installed (Debian: apt-get install mtail); its line is left out")
    theirs = stack.enter_context(plain(folder))
    theirs.send(bodies, events=2 * BATCH * CONNECTIONS, batch=BATCH)
    found["plain service"] = _sending(theirs, bodies, events // 4)
    return found


def _sending(target: Target, bodies: list[Body], events: int) -> Measure:
    return lambda: target.send(bodies, events=events, batch=BATCH)[0]


def _write(log: Path, bodies: list[Body], count: int) -> None:
    log.write_bytes(b"".join(bodies[number % len(bodies)].lines for number in range(count)))


def _check_equal(mtail: Mtail, log: Path, six: Target) -> None:
    """See to it that both make the same numbers of the same events; `six` has had those of the log."""
    with urllib.request.urlopen(f"http://127.0.0.1:{six.port}/metrics", timeout=30) as answer:
        ours = samples_of(answer.read().decode())
    theirs = mtail.samples(log)
    if ours != theirs:
        different = sorted(str(key) for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
        raise SystemExit(f"Logweir and mtail count differently, for one: {different[0]}")
    print(f"Logweir and mtail make the same {len(ours)} samples of the same events")


def _print(medians: dict[str, float]) -> None:
    six = medians[SIX]
    print(f"{'':<36}  {'median':>9}  {'events per CPU-second':>21}  {'of 6 rules':>10}")
    for name, each in medians.items():
        print(f"{name:<36}  {each:>6.2f} us  {1e6 / each:>21,.0f}  {each / six:>9.2f}x")
    for name, mark in MARKS.items():
        if name in medians:
            print(f"{name}: {medians[name] / six:.1f}x of 6 rules, the mark is at least {mark:.0f}x")
    six_of_600 = medians["600 rules, of which 6 match"] / six
    print(f"600 rules, of which 6 match: {six_of_600:.2f}x of 6 rules, the mark is at most {MARK_OF_600}x")


if __name__ == "__main__":
    main()
