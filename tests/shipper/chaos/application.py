"""An application that emits numbered events from two threads, and forks now and then.

``python -m tests.shipper.chaos.application FOLDER URL NAME SEED`` runs until it is killed, or until there is
a file ``end`` in its folder: then it ends as an application does.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import logweir

from .counters import Counter

EVENT: Final = "chaos.said"
COUNTERS: Final = "counters"
SPOOL: Final = "spool"
_CHILD_SECONDS: Final = 20
"""How long a child may take to end where the application ends."""
_FILLER: Final = "x" * 2000


class Writer:
    """Says numbers from 1 on, through one door or another."""

    def __init__(self, folder: Path, name: str, *, seed: str, any_door: bool = True) -> None:
        self.name = name
        self.dice = random.Random(seed)
        self._counter = Counter(folder / COUNTERS, name)
        self._number = 0
        log, logger = logweir.get_logger("chaos"), logging.getLogger("chaos")
        doors: list[Callable[..., Any]] = [
            lambda **fields: logweir.emit(EVENT, **fields),
            lambda **fields: log.warning(EVENT, **fields),
            lambda **fields: logger.info(EVENT, extra=fields),
        ]
        self._doors = doors if any_door else doors[:1]

    def burst(self) -> None:
        """Say some numbers, and rest."""
        for _ in range(self.dice.randint(1, 40)):
            self._number += 1
            filler = _FILLER[: self.dice.choice((0, 10, 10, 100, 300, 2000))]
            self.dice.choice(self._doors)(writer=self.name, number=self._number, filler=filler)
            self._counter.advance(self._number)
        time.sleep(self.dice.choice((0.01, 0.03, 0.1)))


class Application:
    """Two writers, and children that write and end in all ways there are."""

    def __init__(self, folder: Path, name: str, seed: str) -> None:
        self._folder = folder
        self._name = name
        self._seed = seed
        self._dice = random.Random(seed)
        self._children = 0
        self._ends = folder / "end"

    def run(self) -> None:
        """Write until told to end, or killed."""
        beside = threading.Thread(target=self._write_beside, daemon=True)
        writer = self._writer("main")
        writer.burst()
        beside.start()
        while not self._ends.exists():
            writer.burst()
            if self._dice.random() < 0.1:
                self._fork()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
        beside.join()
        self._wait_for_children()

    def _write_beside(self) -> None:
        writer = self._writer("beside")
        while not self._ends.exists():
            writer.burst()

    def _writer(self, part: str, *, any_door: bool = True) -> Writer:
        name = f"{self._name}-{part}"
        return Writer(self._folder, name, seed=f"{self._seed} {part}", any_door=any_door)

    def _fork(self) -> None:
        self._children += 1
        part = f"child{self._children}"
        ending = self._dice.choice(("exit", "at once", "killed", "again"))
        if self._dice.random() < 0.3:
            if ctypes.PyDLL(None).fork() == 0:  # as uWSGI does: Python's hooks are not called
                self._write(part, any_door=False)  # logging's locks may be held by a thread that is not here
                os._exit(0)
        elif os.fork() == 0:
            self._write(part)
            if ending == "again" and os.fork() == 0:
                self._write(f"{part}child")
            if ending == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if ending == "at once":
                os._exit(0)
            sys.exit()

    def _write(self, part: str, *, any_door: bool = True) -> None:
        writer = self._writer(part, any_door=any_door)
        for _ in range(writer.dice.randint(1, 6)):
            writer.burst()

    def _wait_for_children(self) -> None:
        """Exits 1 where a child hangs."""
        deadline = time.monotonic() + _CHILD_SECONDS
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
            sys.exit(f"a child of {self._name} hangs")


def main(folder: str, url: str, name: str, seed: str) -> None:
    """Be the application."""
    logweir.configure("chaos", url=url, durability="crash", spool=Path(folder) / SPOOL)
    logging.getLogger("chaos").setLevel(logging.INFO)
    logging.getLogger("chaos").addHandler(logweir.logging.Handler())
    Application(Path(folder), name, seed).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
