"""However a process ends, it ends soon, and what it could not send waits for the next."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shipper.service import PlayedService
from tests.shipper.spool.test_kill import received

EMITTING = "import logweir, sys; [logweir.emit('a.b', run='first', n=n) for n in range(100)]; "


@pytest.fixture
def standing_still() -> Iterator[str]:
    """A service that takes connections and never answers, as one does that is stopped by SIGSTOP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def run(code: str, spool: Path, url: str) -> tuple[int, float, bytes]:
    """How a process ended, after how long, and what it said."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    environ |= {"LOGWEIR_URL": url, "LOGWEIR_SERVICE": "shop", "LOGWEIR_SPOOL": str(spool)}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, timeout=60, check=False
    )
    return ended.returncode, time.monotonic() - began, ended.stderr


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os; os._exit(0)", 0),
    ],
)
def test_an_end_waits_for_no_service_that_stands_still_and_the_next_process_sends_the_rest(
    service: PlayedService, standing_still: str, tmp_path: Path, end: str, code: int
) -> None:
    returned, seconds, said = run(EMITTING + end, tmp_path, standing_still)
    assert returned == code
    assert seconds < 10
    assert b"logweir" not in said
    assert run("import logweir, time; logweir.emit('a.b'); time.sleep(1)", tmp_path, service.url)[0] == 0
    assert received(service, "first") == list(range(100))


def test_a_flush_by_a_signal_handler_in_the_midst_of_a_flush_at_exit_ends(
    service: PlayedService, standing_still: str, tmp_path: Path
) -> None:
    code = """
import atexit, logweir, signal, threading
signal.signal(signal.SIGALRM, lambda *_: (logweir.emit("a.b", run="first", n=1), logweir.flush(0.2)))
logweir.configure()
logweir.process.emitter().sink._exiting = True  # no thread: the flush at exit sends by itself
logweir.emit("a.b", run="first", n=0)
signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
"""
    returned, seconds, _ = run(code, tmp_path, standing_still)
    assert returned == 0
    assert seconds < 15
    assert run("import logweir, time; logweir.emit('a.b'); time.sleep(1)", tmp_path, service.url)[0] == 0
    assert received(service, "first")[:2] == [0, 1]


def test_an_event_of_a_finaliser_in_any_place_is_kept(service: PlayedService, tmp_path: Path) -> None:
    code = """
import gc, logweir
class Noisy:
    def __init__(self, number):
        self.number, self.me = number, self
    def __del__(self):
        logweir.emit("a.b", run="first", n=self.number)
gc.set_threshold(7)
for number in range(3000):
    Noisy(number)
    logweir.emit("a.other", fields={"nested": [number, {"a": 1}]})
gc.collect()
"""
    returned, _, said = run(code, tmp_path, service.url)
    assert (returned, said) == (0, b"")
    assert sorted(received(service, "first")) == list(range(3000))
    assert service.holes == 0
