"""``make bench``: every table, one after the other; ``make bench ARGS=--quick`` for a first look."""

from tests.benchmarks import derive, emit, ingest

for part in (ingest, emit, derive):
    part.main()
    print()
