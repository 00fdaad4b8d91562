"""The next process of an application: it ends when all that dead ones have left is delivered.

``python -m tests.shipper.chaos.successor FOLDER URL``
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import logweir

from .application import SPOOL

STREAMS: Final = "chaos/[!.]*"
"""A folder that was still being made when its process died holds nothing, and its name begins with a dot."""


def main(folder: str, url: str) -> None:
    """Wait for the spool to be empty."""
    spool = Path(folder) / SPOOL
    logweir.configure("chaos", url=url, durability="crash", spool=spool)
    logweir.emit("chaos.began")
    while len([*spool.glob(STREAMS)]) > 1:
        time.sleep(0.02)
    if not logweir.close(30):
        sys.exit(f"not all is delivered: {logweir.stats()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
