"""Whether a process owns a data folder, without taking its lock."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")


def ended_in_order(lock: Path) -> bool:
    """Whether the process that had the folder last released it, or none ever had it."""
    try:
        return not lock.read_bytes().strip()
    except FileNotFoundError:
        return True


def owner(lock: Path) -> int | None:
    """The pid in `lock`, if a process that can be seen from here holds it; else None.

    To try the lock would make a service that starts at this moment fail.
    """
    try:
        inode = str(lock.stat().st_ino)
        pid = int(lock.read_bytes())
        held = [line.split() for line in _LOCKS.read_text("ascii").splitlines()]
    except (OSError, ValueError):
        return None
    is_held = any("FLOCK" in fields and f":{inode} " in " ".join(fields) for fields in held)
    return pid if is_held else None
