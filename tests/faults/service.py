"""The real ``logweir serve`` on a `WatchedDisk`, in a process that can be killed.

``python -m tests.faults.service ORDER`` runs one; its settings come from the environment, as usual.
``--nursery`` reads orders from stdin instead and forks a service for each, from a process that has imported
everything: hundreds of kills fit into a minute, and nothing of one service is left in the next.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from logweir_service import app
from logweir_service.app import composition
from logweir_service.cli import main as command
from logweir_service.journal import Journal

from .ledger import Ledger
from .watched_disk import Trouble, WatchedDisk

SMALL: Final = {
    "LOGWEIR_CHECKPOINT_SECONDS": "0.15",
    "LOGWEIR_BALLAST_BYTES": "65536",
    "LOGWEIR_MIN_FREE_BYTES": "0",
    "LOGWEIR_COMPACT_AFTER_HOURS": "0",
}
"""Much happens in little time and on little disk."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a service is to be run."""

    data: str
    ledger: str
    listen: str
    rules: str = "packs"
    max_segment_bytes: int = 256 << 10
    """Small, so that segments are sealed many times in a minute."""
    settings: dict[str, str] = field(default_factory=lambda: dict(SMALL))
    """Environment variables."""
    trouble: Trouble = field(default_factory=Trouble)

    def encode(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, line: str) -> Order:
        """From one line."""
        fields: dict[str, Any] = json.loads(line)
        return cls(**fields | {"trouble": Trouble(**fields["trouble"])})


def run(order: Order) -> None:
    """Serve until a signal; the process ends with the command's own exit code."""
    os.environ.update(order.settings)
    disk = WatchedDisk(Ledger(Path(order.ledger)), order.trouble)
    journal = partial(Journal, max_segment_bytes=order.max_segment_bytes)
    patch.object(app, "serve", partial(app.serve, disk=disk)).start()
    patch.object(composition, "Journal", journal).start()
    patch.object(import_module("logweir_service.app.running"), "LOOK_SECONDS", 0.1).start()
    command(["serve", "--data", order.data, "--listen", order.listen, "--rules", order.rules])


def nurse() -> None:
    """Run one service after the other; tells its process id when it begins, and its end when it is over."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            run(Order.decode(line))
        _say(f"begun {child}")
        _, status = os.waitpid(child, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


if __name__ == "__main__":
    nurse() if sys.argv[1:] == ["--nursery"] else run(Order.decode(sys.argv[1]))
