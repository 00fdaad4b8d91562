"""What to do in the child after a fork, for as long as the object that asked still lives."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod


def after_fork_in_child(method: Callable[[], None]) -> None:
    """Call the bound `method` in every forked child; its object may be collected all the same."""
    weak = WeakMethod(method)

    def call() -> None:
        alive = weak()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=call)
