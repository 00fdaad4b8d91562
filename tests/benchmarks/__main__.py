"""``make bench``: every table, one after the other; ``make bench ARGS=--quick`` for a first look.

``make bench ARGS="answer restart"`` measures these parts alone.
"""

import argparse

from tests.benchmarks import answer, derive, emit, find, ingest, restart, rules, scrape, web

PARTS = {
    "ingest": ingest,
    "rules": rules,
    "answer": answer,
    "restart": restart,
    "scrape": scrape,
    "find": find,
    "emit": emit,
    "web": web,
    "derive": derive,
}

parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
parser.add_argument(
    "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named"
)
parser.add_argument("--quick", action="store_true", help="few rounds, for a first look")
options = parser.parse_args()
if unknown := set(options.parts) - set(PARTS):
    parser.error(f"no such part: {', '.join(sorted(unknown))}")
for part in options.parts or PARTS:
    PARTS[part].main(["--quick"] if options.quick else [])
    print()
