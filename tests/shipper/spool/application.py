"""An application in a process of its own, to be killed: it counts what `emit` returned for.

    python -m tests.shipper.spool.application COUNTER EVENTS [PADDING]

COUNTER is a file of 8 bytes, mapped: the number of events that this process has emitted, written only after
`emit` has returned. Event n carries ``n`` and the file's name as ``run``. When all are emitted, it sleeps.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from pathlib import Path

import logweir


def main(counter: str, events: str, padding: str = "0") -> None:
    """Emit, and sleep until killed."""
    run = Path(counter).name
    with open(counter, "r+b") as file:
        marks = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    text = "x" * int(padding)
    for number in range(int(events)):
        logweir.emit("a.b", run=run, n=number, pad=text)
        marks[0] = number + 1
    os.write(1, b"done\n")
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
