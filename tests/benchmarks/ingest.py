"""Server CPU per event over real HTTP, beside a plain FastAPI service, in the same run.

Both get the same events from four keep-alive connections; rounds alternate; medians are printed. Logweir
answers after fdatasync and keeps its numbers; the plain service writes a file and syncs nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.targets import CONNECTIONS, logweir, make_bodies, plain


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
        bodies = make_bodies(batch, stacks=stacks)
        with (
            tempfile.TemporaryDirectory() as folder,
            logweir(Path(folder)) as ours,
            plain(Path(folder)) as theirs,
        ):
            for target in (ours, theirs):
                target.send(bodies, events=10 * batch * CONNECTIONS, batch=batch)  # warm
            results = [
                (
                    ours.send(bodies, events=total, batch=batch),
                    theirs.send(bodies, events=total // 4, batch=batch),
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


if __name__ == "__main__":
    main()
