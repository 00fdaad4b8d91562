"""Reading sealed segments only to see whether they are whole: what a start with a checkpoint leaves out."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

from logweir_service.disk import Disk

from .salvage import set_aside
from .segment import SegmentReader, segments

_REST: Final = 10.0
"""It rests for so many times as long as it reads."""


def verify(
    folder: Path,
    journal: UUID,
    *,
    before_lsn: int,
    disk: Disk,
    stopping: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Read each segment that ends before commit `before_lsn`, slowly, and set damaged ones aside."""
    known = segments(folder)
    for segment, following in itertools.pairwise(known):
        if following.first_lsn > before_lsn or stopping.is_set():
            return
        started = time.monotonic()
        reader = SegmentReader(segment)
        try:
            for _ in reader:
                rest = (time.monotonic() - started) * _REST
                if rest > 0.1:
                    if stopping.wait(rest):
                        return
                    started = time.monotonic()
            if reader.damage is not None:
                tell(set_aside(disk, segment, journal))
        except FileNotFoundError:
            continue  # removed by retention meanwhile
