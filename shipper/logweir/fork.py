"""What to do in the child after a fork, and how to know of one that Python was not told of."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakMethod

_WIPE_ON_FORK: Final = 18
"""MADV_WIPEONFORK of Linux 4.14 and later, which the standard library does not name."""
_PRIVATE: Final = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)


def after_fork_in_child(method: Callable[[], None]) -> None:
    """Call the bound `method` in every forked child; its object may be collected all the same."""
    weak = WeakMethod(method)

    def call() -> None:
        alive = weak()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=call)


class _SamePid(Sequence[int]):
    """The same by asking the kernel each time."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int | slice) -> int:  # type: ignore[override]  # but for the one index 0
        return int(os.getpid() == self._pid)


def mark_of_this_process() -> Sequence[int]:
    """A sequence whose `[0]` is true in this process and false in every child, however it is forked.

    uWSGI, among others, forks without Python's hooks. A page that the kernel wipes in children is asked in 20
    ns; ``getpid`` takes up to 200.
    """
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=_PRIVATE)
        page.madvise(_WIPE_ON_FORK)
    except (OSError, ValueError, AttributeError):
        return _SamePid()
    page[0] = 1
    return memoryview(page)
