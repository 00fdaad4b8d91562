"""What was emitted is sent, though its process was killed."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shipper.service import Fault, PlayedService


class Application:
    """One run of `tests.shipper.spool.application`."""

    def __init__(
        self, folder: Path, run: str, url: str, *, events: int, padding: int = 0, **more: str
    ) -> None:
        self.counter = folder / run
        self.counter.write_bytes(bytes(8))
        environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
        environ |= {"LOGWEIR_URL": url, "LOGWEIR_SERVICE": "shop", "LOGWEIR_SPOOL": str(folder / "spool")}
        command = [sys.executable, "-m", "tests.shipper.spool.application", str(self.counter)]
        self.process = subprocess.Popen(
            [*command, str(events), str(padding)], env=environ | more, stdout=subprocess.PIPE
        )

    def wait_until_done(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"done\n"

    def wait_until_emitted(self, count: int) -> None:
        wait_for(lambda: self.emitted >= count)

    @property
    def emitted(self) -> int:
        return int(struct.unpack("=Q", self.counter.read_bytes())[0])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)


def wait_for_events(service: PlayedService, run: str, count: int) -> None:
    wait_for(lambda: len(received(service, run)) >= count)


def received(service: PlayedService, run: str) -> list[int]:
    return [event["n"] for event in service.events if event.get("run") == run]


@pytest.mark.fault(23)
@pytest.mark.parametrize("durability", ["crash", "power"])
def test_events_of_killed_applications_are_sent_by_the_next_in_order_and_once(
    service: PlayedService, tmp_path: Path, durability: str
) -> None:
    dice = random.Random(11)
    runs: dict[str, int] = {}
    for number in range(6):
        service.script.extend(
            dice.choice([Fault(503), Fault(200, stored=True, answered=False), Fault(200, answered=False)])
            for _ in range(dice.randrange(3))
        )
        run = f"run{number}"
        application = Application(tmp_path, run, service.url, events=100_000, LOGWEIR_DURABILITY=durability)
        goal = dice.randrange(1, 20_000)
        application.wait_until_emitted(goal)
        application.kill()
        runs[run] = application.emitted
    last = Application(tmp_path, "last", service.url, events=1)
    last.wait_until_done()
    for run, emitted in runs.items():
        wait_for_events(service, run, emitted)
        assert received(service, run)[:emitted] == list(range(emitted)), run
        assert len(received(service, run)) - emitted in (0, 1), "the last may have been emitted, not counted"
    assert service.holes == 0
    assert service.conflicts == 0
    wait_for(lambda: len(set(service.closed)) == len(runs))
    wait_for(lambda: len(list((tmp_path / "spool" / "shop").iterdir())) == 1)
    last.kill()


@pytest.mark.fault(23)
def test_without_a_service_a_killed_application_leaves_all_to_the_next(
    service: PlayedService, tmp_path: Path
) -> None:
    application = Application(tmp_path, "first", "http://127.0.0.1:9", events=5000, padding=500)
    application.wait_until_done()
    application.kill()
    last = Application(tmp_path, "last", service.url, events=1)
    wait_for(lambda: len(received(service, "first")) == 5000)
    last.kill()
    assert received(service, "first") == list(range(5000))
    assert len({stream for stream, _ in service.stored}) == 2
