"""Reading what a checkpoint covers only to see whether it is whole: a start leaves that out."""

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
from .segment import Segment, SegmentReader, segments
from .tail import Position

_REST: Final = 10.0
"""It rests for so many times as long as it reads."""


def verify(
    folder: Path,
    journal: UUID,
    *,
    upto: Position,
    disk: Disk,
    stopping: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Read each segment up to this position, slowly, and tell of damage.

    A segment that ends there is set aside. The one that goes on behind it may be written to, so it is left in
    its place until a later start finds it complete; readers pass over the damage.
    """
    known = segments(folder)
    for segment, following in itertools.zip_longest(known, known[1:]):
        if segment.first_lsn > upto.last_lsn or stopping.is_set():
            return
        is_complete = following is not None and following.first_lsn <= upto.last_lsn + 1
        try:
            damage = _damage(segment, upto.last_lsn, stopping)
            if damage is not None and is_complete:
                tell(set_aside(disk, segment, journal))
            elif damage is not None:
                tell(f"{segment.path} is damaged ({damage}), and stays in place until it is complete")
        except FileNotFoundError:
            continue  # removed by retention meanwhile


def _damage(segment: Segment, last_lsn: int, stopping: threading.Event) -> str | None:
    """What is found in front of the end, or of the batch behind commit `last_lsn`; None too after a stop."""
    started = time.monotonic()
    reader = SegmentReader(segment)
    for located in reader:
        if located.commit.lsn >= last_lsn:
            break
        rest = (time.monotonic() - started) * _REST
        if rest > 0.1:
            if stopping.wait(rest):
                return None
            started = time.monotonic()
    return reader.damage
