"""Forks of every kind have streams of their own; what their children emit is not lost with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logweir.spool.adoption import is_locked
from logweir.spool.stream import release_lock, take_lock
from tests.shipper.service import PlayedService
from tests.shipper.spool.test_kill import Application, received, wait_for

FORKING = """
import multiprocessing, os, sys, logweir
kind = sys.argv[1]
def child():
    for number in range(100, 110):
        logweir.emit("a.b", n=number)
for number in range(10):
    logweir.emit("a.b", n=number)
if kind == "multiprocessing":
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
else:
    pid = os.fork()
    if pid == 0:
        child()
        os._exit(0) if kind == "_exit" else sys.exit(0)
    os.waitpid(pid, 0)
for number in range(10, 20):
    logweir.emit("a.b", n=number)
"""


def streams_of(service: PlayedService) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for (stream, number), event in service.stored.items():
        if event["event"] == "a.b":
            found.setdefault(stream, []).append(event["n"])
            assert number == len(found[stream])
    return sorted(found.values())


@pytest.mark.fault(22)
@pytest.mark.parametrize("kind", ["os.fork", "_exit", "multiprocessing"])
def test_a_child_has_its_own_stream_and_loses_nothing_however_it_ends(
    service: PlayedService, tmp_path: Path, kind: str
) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    environ |= {"LOGWEIR_URL": service.url, "LOGWEIR_SERVICE": "shop", "LOGWEIR_SPOOL": str(tmp_path)}
    for _ in range(2):  # the second sends what children of the first had no time for
        subprocess.run([sys.executable, "-c", FORKING, kind], env=environ, check=True, timeout=30)
    drained = subprocess.run(
        [sys.executable, "-m", "logweir.cli", "drain"],
        env=environ,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert drained.returncode == 0, drained
    assert streams_of(service) == [list(range(20))] * 2 + [list(range(100, 110))] * 2
    assert service.holes == 0
    assert list((tmp_path / "shop").iterdir()) == []


@pytest.mark.fault(22)
def test_two_applications_on_one_folder_share_no_stream_and_lose_nothing(
    service: PlayedService, tmp_path: Path
) -> None:
    applications = [Application(tmp_path, run, service.url, events=3000) for run in ("one", "two")]
    for application in applications:
        application.wait_until_done()
        run = application.counter.name
        wait_for(lambda run=run: len(received(service, run)) == 3000)  # type: ignore[misc]
        assert received(service, run) == list(range(3000))
    for application in applications:
        application.kill()
    assert len({stream for stream, _ in service.stored}) == 2
    assert service.repeated == service.holes == 0


@pytest.mark.fault(22)
def test_a_child_does_not_hold_the_lock_of_a_parent_that_dies(service: PlayedService, tmp_path: Path) -> None:
    code = """
import os, sys, time, logweir
logweir.emit("a.b", n=1)
if os.fork() == 0:
    os.close(1), os.close(2), time.sleep(30), os._exit(0)
os.kill(os.getpid(), 9)
"""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    environ |= {"LOGWEIR_SERVICE": "shop", "LOGWEIR_SPOOL": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", code],
        env=environ | {"LOGWEIR_URL": "http://127.0.0.1:9"},
        timeout=20,
        check=False,
    )
    assert killed.returncode == -9
    drained = subprocess.run(
        [sys.executable, "-m", "logweir.cli", "drain"],
        env=environ | {"LOGWEIR_URL": service.url},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert drained.returncode == 0, drained
    assert streams_of(service) == [[1]]


@pytest.mark.fault(22)
def test_a_child_does_not_hold_a_lock_that_another_thread_of_its_parent_was_taking(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    assert lock is not None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b".")
        time.sleep(30)
        os._exit(0)
    try:
        os.read(reading, 1)
        release_lock(lock)
        assert not is_locked(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
