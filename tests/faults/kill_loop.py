"""Kills the service under load again and again, loses what it was not promised, and checks everything.

``python -m tests.faults.kill_loop --seconds 600 --seed 7``: exits 1 where anything was lost, doubled, counted
wrongly or took a step back, and says what. A seed gives the same senders and the same kills, though not the
same interleaving.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle, takewhile
from pathlib import Path

from .figures import Figures
from .ledger import read_ledger
from .lives import RIGHT_AFTER_ITS_START, Life, RuleFile, ending_at, next_life
from .nursery import Nursery
from .oracle import Gate, Oracle
from .power_cut import cut_power
from .scraping import Scraper, wait_until_ready
from .senders import IdSender, Sender, StreamSender
from .service import SMALL, Order
from .verdict import NumbersVerdict, Verdict

_STREAM_SENDERS = 8
_ID_SENDERS = 2
_AT_MOST_SECONDS = 1.5
"""How long a service may take to come by the point at which it ends itself."""


class KillLoop:
    """One run on a folder of its own."""

    def __init__(
        self, folder: Path, *, seed: int, settings: Mapping[str, str] = SMALL, keeps_all: bool = True
    ) -> None:
        self.figures = Figures(seed)
        self.data = folder / "data"
        self._ledger = folder / "ledger"
        self._rules = RuleFile(folder / "own.yaml")
        self._dice = random.Random(seed)
        self._port = _free_port()
        self._oracle = Oracle()
        self._gate = Gate()
        self._settings = settings
        self._verdict: Verdict | NumbersVerdict = NumbersVerdict(self._oracle)
        if keeps_all:
            self._verdict = Verdict(self.data / "journal", self._rules, self._oracle)
        self._scraper = Scraper(port=self._port, oracle=self._oracle)
        self._nursery = Nursery(folder / "service.log")
        self._senders: list[Sender] = [
            *(self._sender(StreamSender, f"s{n}") for n in range(_STREAM_SENDERS)),
            *(self._sender(IdSender, f"e{n}") for n in range(_ID_SENDERS)),
        ]

    def run(self, seconds: float) -> Figures:
        """Kill for this long, or until something is found; then let all senders finish, and count."""
        return self.run_through(self._lives(seconds))

    def run_through(self, lives: Iterable[Life]) -> Figures:
        """Kill in these ways, or until something is found; then let all senders finish, and count."""
        with self._nursery:
            self._gate.shut()
            for thread in (self._scraper, *self._senders):
                thread.start()
            for life in lives:
                self._live(life)
                if self._oracle.faults:
                    break
            if not self._oracle.faults:
                self._finish()
        self._let_go()
        return self._sum_up()

    def _lives(self, seconds: float) -> Iterator[Life]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield next_life(self._dice)

    def run_in_pairs(self, seconds: float) -> Figures:
        """Kill between a write and its sync, and again before anybody sends."""
        deadline = time.monotonic() + seconds
        pair = (ending_at("group-before-sync", 3), RIGHT_AFTER_ITS_START)
        return self.run_through(takewhile(lambda _: time.monotonic() < deadline, cycle(pair)))

    def _let_go(self) -> None:
        """End all threads, also where the service is gone for good."""
        for sender in self._senders:
            sender.giving_up.set()
        self._gate.open()
        working: list[Scraper | Sender] = [self._scraper, *self._senders]
        for thread in working:
            thread.finishing.set()
            thread.join(60)

    def _live(self, life: Life) -> None:
        """Start, check, serve, and die."""
        self._begin(life)
        if life.dies_after_seconds is not None and life.kind == "while it recovered":
            time.sleep(life.dies_after_seconds)
        elif self._is_ready():
            if self._gate.is_shut:
                self._check(f"life {len(self.figures.history)}")
            if life is not RIGHT_AFTER_ITS_START:
                self._gate.open()
            self._nursery_waits(life)
        self._die(life)

    def _begin(self, life: Life) -> None:
        self._nursery.begin(
            Order(
                data=str(self.data),
                ledger=str(self._ledger),
                listen=f"127.0.0.1:{self._port}",
                rules=f"packs,{self._rules.path}",
                settings={**self._settings},
                trouble=life.trouble,
            )
        )

    def _is_ready(self) -> bool:
        """Whether the service came up; it may have ended itself on the way."""
        ready = wait_until_ready(self._port, unless=lambda: self._nursery.has_ended)
        if ready is None:
            if not self._nursery.has_ended:
                self._oracle.blame("the service was not ready within 60 s")
            return False
        self.figures.ready_seconds.append(ready)
        return True

    def _check(self, when: str) -> None:
        """Nobody sends now: what is stored is what is exposed."""
        series = self._scraper.scrape()
        if series is not None:
            self.figures.checks += 1
            self._verdict.check(series, when)

    def _nursery_waits(self, life: Life) -> None:
        wait = _AT_MOST_SECONDS if life.dies_after_seconds is None else life.dies_after_seconds
        ends = time.monotonic() + wait
        while time.monotonic() < ends and not self._nursery.has_ended and not self._oracle.faults:
            time.sleep(0.01)

    def _die(self, life: Life) -> None:
        code = self._nursery.end()
        ledger = read_ledger(self._ledger)
        kind = life.kind if code == -9 else f"ended with {code}"
        if ledger.killed_at:
            kind = "at a point"
            self.figures.points.update(ledger.killed_at[-1:])
        if code != -9 and not (code == 70 and "fdatasync" in ledger.failed):
            self._oracle.blame(f"the service ended with {code}: see its log")
        self.figures.kills[kind] += 1
        if not life.storm_follows:
            self._gate.shut()
        done = ""
        if self._dice.random() < (0.9 if code == 70 else 0.5):
            done = cut_power(self._ledger, self._dice)
            self.figures.power_cuts += 1
        if self._dice.random() < 0.2 and not life.storm_follows:
            self._rules.edit()
        self.figures.history.append(f"{life}, died {kind} {ledger.killed_at[-1:]}; {done}")

    def _finish(self) -> None:
        """A last life without trouble, at the end of which nothing is in doubt."""
        for sender in self._senders:
            sender.finishing.set()
        self._gate.shut()
        self._begin(Life("at the end"))
        if not self._is_ready():
            self._oracle.blame("the last service did not start")
            return
        self._check("last start")
        self._gate.open()
        for sender in self._senders:
            sender.join(60)
            if sender.is_alive():
                self._oracle.blame(f"{sender.name} could not finish")
        self._check_all("end")
        self._stop_well()
        self._begin(Life("at the end"))
        if self._is_ready():
            self._check_all("after the end")
            self._stop_well()

    def _check_all(self, when: str) -> None:
        """Read everything again, with nothing remembered."""
        self._verdict.forget()
        self._check(when)

    def _stop_well(self) -> None:
        code = self._nursery.end(15)
        if code != 0:
            self._oracle.blame(f"SIGTERM ended the service with {code}")

    def _sum_up(self) -> Figures:
        figures, oracle = self.figures, self._oracle
        figures.batches, figures.acknowledged = oracle.batches, len(oracle.acknowledged())
        figures.lost, figures.doubled = self._verdict.lost, self._verdict.doubled
        figures.scrapes, figures.backward = self._scraper.scrapes, self._scraper.backward
        figures.faults = oracle.faults
        return figures

    def _sender(self, kind: type[Sender], service: str) -> Sender:
        return kind(service, port=self._port, oracle=self._oracle, gate=self._gate, seed=self.figures.seed)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Run once; the figures are the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--pairs", action="store_true", help="only kills between a write and its sync")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-loop-"))
    loop = KillLoop(folder, seed=options.seed)
    figures = loop.run_in_pairs(options.seconds) if options.pairs else loop.run(options.seconds)
    sys.stdout.write(figures.line() + "\n")
    if not figures.faults:
        shutil.rmtree(folder)
        return 0
    sys.stdout.write("\n".join([*figures.faults, *figures.history[-5:], f"all of it is in {folder}", ""]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
