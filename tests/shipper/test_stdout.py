"""Standard output takes whole lines, waits once for a reader that stalls, and counts what was lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from logweir.notices import Notices
from logweir.stdout import StdoutTransport


def test_stdout_finishes_a_line_that_a_full_pipe_cut_short() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    transport = StdoutTransport(fd=writer)
    line = b'{"x":"' + b"y" * 30_000 + b'"}\n'

    def write() -> None:
        for _ in range(5):
            transport.put(line, "info")

    writing = threading.Thread(target=write)
    writing.start()
    got = bytearray()
    while len(got) < 5 * len(line):
        got += os.read(reader, 10_000)
    writing.join()
    assert bytes(got) == line * 5
    assert transport.stats()["dropped"] == {}
    os.close(reader)
    os.close(writer)


def test_stdout_ends_a_line_it_began_before_it_begins_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logweir.stdout.MAX_STALL_SECONDS", 0.01)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    transport = StdoutTransport(fd=writer, notices=Notices(write=lambda line: None))
    line = b"{" + b"y" * 100_000 + b"}\n"
    transport.put(line, "info")
    transport.put(line, "warning")
    assert transport.stats()["dropped"] == {"stdout": {"warning": 1}}, "the first was begun, the second not"
    assert not transport.flush(0)
    got = bytearray(os.read(reader, 70_000))
    transport.put(line, "info")
    while len(got) < 2 * len(line):
        got += os.read(reader, 70_000)
        transport.flush(0)
    assert bytes(got) == line * 2
    os.close(reader)
    os.close(writer)


def test_stdout_without_a_reader_drops_and_counts() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said: list[bytes] = []
    transport = StdoutTransport(fd=writer, notices=Notices(write=said.append))
    transport.put(b"{}\n", "error")
    assert transport.stats()["dropped"] == {"stdout": {"error": 1}}
    assert b"BrokenPipeError" in said[0]
    os.close(writer)


def test_stdout_waits_for_a_stalled_reader_once(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("logweir.stdout.select.select", lambda r, w, x, seconds: waits.append(seconds))
    monkeypatch.setattr("logweir.stdout.MAX_STALL_SECONDS", 0.01)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    transport = StdoutTransport(fd=writer, notices=Notices(write=lambda line: None))
    line = b"{" + b"y" * 1000 + b"}\n"
    while not transport.stats()["dropped"]:
        transport.put(line, "info")
    assert waits
    waits.clear()
    for _ in range(3):
        transport.put(line, "warning")
    assert not waits, "nobody has read since"
    assert transport.stats()["dropped"]["stdout"]["warning"] == 3
    os.read(reader, 1_000_000)
    transport.put(line, "error")
    while "error" not in transport.stats()["dropped"]["stdout"]:
        transport.put(line, "error")
    assert waits, "it was read, and is worth waiting for again"
    os.close(reader)
    os.close(writer)


FORK = """
import os, threading
from logweir.stdout import StdoutTransport

transport = StdoutTransport(fd=99)  # not open, so that each event is counted as lost
transport.put(b"{}", "info")
held, done = threading.Event(), threading.Event()

def hold():
    with transport._lock, transport._tally._lock:
        held.set()
        done.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    transport.put(b"{}", "error")
    os._exit(0 if transport.stats()["dropped"] == {"stdout": {"error": 1}} else 1)
done.set()
thread.join()
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_writes_and_counts_whatever_its_parent_was_doing() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    assert subprocess.run(command, timeout=20, check=False, stderr=subprocess.DEVNULL).returncode == 0
