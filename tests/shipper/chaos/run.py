"""Kills applications and their service, and loses what is between them, for as long as one likes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.live import LiveService

from .application import COUNTERS, SPOOL
from .counters import read_counters
from .proxy import Proxy, bad_day
from .successor import STREAMS
from .verdict import Verdict, judge, series_of, stored

_APPLICATIONS = ("a", "b")
"""They share one spool."""
_START_SECONDS = 60
_END_SECONDS = 60
_DRAIN_SECONDS = 70


@dataclass(slots=True)
class Figures:
    """What happened."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    forks: int = 0
    did: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    verdict: Verdict | None = None
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it in one line."""
        found = self.verdict or Verdict(0, 0, 0, 0, [])
        return (
            f"seed {self.seed}: {self.kills['application']} kills of applications, {self.forks} children,"
            f" {self.kills['service']} kills of the service, {self.did['refuse']} requests refused,"
            f" {self.did['lose']} answers lost, {self.did['cut']} requests cut;"
            f" {found.emitted} events emitted, {self.resent} known ones sent again,"
            f" {found.missing} missing, {found.doubled} doubled"
        )


class Chaos:
    """One run in a folder of its own. A seed gives the same dice, though not the same interleaving."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.figures = Figures(seed)
        self._folder = folder
        self._seed = seed
        self._over = threading.Event()
        self._lock = threading.Lock()
        (folder / COUNTERS).mkdir()

    def run(self, seconds: float) -> Figures:
        """Kill for this long; then let everything end and be delivered, and count."""
        with LiveService(self._folder / "data") as service:
            with bad_day(service.url, f"{self._seed} proxy") as proxy:
                jobs: list[Callable[[], None]] = [lambda: self._kill_service(service)]
                jobs += [lambda name=name: self._kill_application(name, proxy.url) for name in _APPLICATIONS]  # type: ignore[misc]
                threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
                for thread in threads:
                    thread.start()
                self._over.wait(seconds)
                proxy.calm = True
                self._over.set()
                for thread in threads:
                    thread.join()
                self._drain(proxy)
            page = service.get("/metrics").data
            if service.stop() != 0:
                self._blame("the service did not stop as it should")
        self._judge(page)
        return self.figures

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as fault:  # noqa: BLE001 - told, where a thread would die in silence
            self._blame(f"{type(fault).__name__}: {fault}")
            self._over.set()

    def _kill_service(self, service: LiveService) -> None:
        dice = random.Random(f"{self._seed} service")
        while not self._over.wait(dice.uniform(0.5, 3)):
            service.stop(signal.SIGKILL)
            self._count("service")
            time.sleep(dice.uniform(0, 0.5))
            service.start()

    def _kill_application(self, name: str, url: str) -> None:
        dice = random.Random(f"{self._seed} {name}")
        life = 0
        while True:
            life += 1
            application = self._started(f"{name}{life}", url, dice.random())
            if self._over.wait(dice.uniform(0, 1.5)):
                break
            _kill(application)
            self._count("application")
        (self._folder / "end").touch()
        try:
            if application.wait(_END_SECONDS):
                self._blame(f"{name}{life} exited with {application.returncode}")
        except subprocess.TimeoutExpired:
            self._blame(f"{name}{life} did not end")
        _kill(application)

    def _started(self, name: str, url: str, seed: float) -> subprocess.Popen[bytes]:
        """An application that has emitted something."""
        module = "tests.shipper.chaos.application"
        command = [sys.executable, "-m", module, str(self._folder), url, name, f"{self._seed} {seed}"]
        with (self._folder / "applications.log").open("ab") as log:
            application = subprocess.Popen(command, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        counter = self._folder / COUNTERS / f"{name}-main"
        while not (counter.exists() and any(counter.read_bytes())):
            if application.poll() is not None or time.monotonic() > deadline:
                _kill(application)
                raise RuntimeError(f"{name} did not start: {(self._folder / 'applications.log').read_text()}")
            time.sleep(0.002)
        return application

    def _drain(self, proxy: Proxy) -> None:
        """What the dead have left is sent by the next process, or by the command, as the seed wants it."""
        command = [sys.executable, "-m", "tests.shipper.chaos.successor", str(self._folder), proxy.url]
        if self._seed % 2:
            spool = str(self._folder / SPOOL)
            command = [sys.executable, "-m", "logweir.cli", "drain", "--url", proxy.url, "--spool", spool]
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=_DRAIN_SECONDS, check=True)
        except subprocess.CalledProcessError as fault:
            self._blame(f"draining exited with {fault.returncode}: {fault.stderr}")
        except subprocess.TimeoutExpired:
            self._blame("draining took too long")
        left = len([*(self._folder / SPOOL).glob(STREAMS)])
        if left:
            self._blame(f"{left} streams are left in the spool")
        self.figures.did = proxy.did
        self.figures.resent = proxy.events["duplicate"]
        if proxy.events["rejected_count"]:
            self._blame(f"the service rejected {proxy.events['rejected_count']} events")

    def _judge(self, page: bytes) -> None:
        emitted = read_counters(self._folder / COUNTERS)
        found = judge(emitted, [*stored(self._folder / "data" / "journal")], series_of(page))
        self.figures.forks = sum("child" in writer for writer in emitted)
        self.figures.verdict = found
        self.figures.faults[:0] = found.faults

    def _count(self, what: str) -> None:
        with self._lock:
            self.figures.kills[what] += 1

    def _blame(self, fault: str) -> None:
        with self._lock:
            self.figures.faults.append(fault)


def _kill(application: subprocess.Popen[bytes]) -> None:
    """End a process and its children, at whatever they are."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(application.pid, signal.SIGKILL)
    application.wait()
