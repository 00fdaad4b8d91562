"""Starts services under test, and ends them the hard way."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from .service import Order


class Nursery:
    """One service at a time, forked from a process that is ready to go; what it says is kept in `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._child: int | None = None
        clean = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.service", "--nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=clean,
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.end()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._listener.join(60)

    @property
    def has_ended(self) -> bool:
        """Whether the service is over, or was never begun."""
        return self._child is None or not self._said.empty()

    @property
    def running(self) -> bool:
        """Whether a service runs that has not been seen to end."""
        return self._child is not None

    def begin(self, order: Order) -> None:
        """Start a service; it is not ready yet when this returns."""
        assert self._process.stdin is not None
        assert self._child is None
        self._process.stdin.write(order.encode() + "\n")
        self._process.stdin.flush()
        self._child = int(self._hear("begun", 60))

    def end(self, number: int = signal.SIGKILL, *, patience_seconds: float = 60) -> int:
        """Send a signal to the service, which may have ended by itself, and return its exit code."""
        if (code := self.ended(0)) is not None:
            return code
        assert self._child is not None
        with suppress(ProcessLookupError):
            os.kill(self._child, number)
        code = self.ended(patience_seconds)
        assert code is not None, f"signal {number} did not end the service"
        return code

    def ended(self, within_seconds: float) -> int | None:
        """The exit code of a service that ends by itself, or None where it does not."""
        try:
            code = int(self._hear("ended", within_seconds))
        except queue.Empty:
            return None
        self._child = None
        return code

    def _hear(self, word: str, within_seconds: float) -> str:
        first, _, rest = self._said.get(timeout=max(within_seconds, 0.001)).partition(" ")
        assert first == word, f"the nursery said {first!r} and not {word!r}: see {self.log}"
        return rest

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line.strip())
        self._process.stdout.close()
        self._said.put("closed")


def _is_setting(name: str) -> bool:
    return name.startswith(("LOGWEIR_", "SENTRY_", "ENABLE_"))
