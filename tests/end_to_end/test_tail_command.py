"""``logweir tail`` as people run it: on a folder, on a service, over a restart, until Ctrl-C."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for


def post(live, number, level="info"):
    body = json.dumps({"event": "order.placed", "service": "shop", "level": level, "n": number})
    assert live.post(body.encode() + b"\n").json()["accepted"] == 1


class Tailing:
    """A running ``logweir tail``, or another command, and what it has written."""

    def __init__(self, *arguments, command="tail"):
        command = [sys.executable, "-m", "logweir_service", command, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_gather, args=each, daemon=True)
            for each in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join(20)
        return code

    @property
    def numbers(self):
        return [json.loads(line)["n"] for line in [*self.out]]


def _gather(stream, lines):
    with stream:
        for line in stream:
            lines.append(line)


@contextmanager
def tailing(*arguments):
    running = Tailing(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


@pytest.fixture
def live(tmp_path):
    with LiveService(tmp_path / "data") as service:
        yield service


def follows(live, running):
    """Wait until it shows what is stored: before it has begun it does not."""

    def shows():
        post(live, 0, level="critical")
        return running.out

    wait_for(shows)


@pytest.mark.parametrize("where", ["folder", "service"])
def test_it_shows_what_is_stored_until_it_is_interrupted(live, where):
    place = ["--data", live.data] if where == "folder" else ["--url", live.url]
    with tailing("level:>=error", "--where", "n != 7", "--json", *place) as running:
        follows(live, running)
        shown = len(running.out)
        for number in range(1, 10):
            post(live, number, level="error" if number % 2 else "info")
        wait_for(lambda: 9 in running.numbers)
        assert [number for number in running.numbers[shown:] if number] == [1, 3, 5, 9]
        assert running.end() == 130
        assert running.err == []


def test_for_people_it_is_one_line_an_event(live):
    with tailing("--data", live.data) as running:
        follows(live, running)
        post(live, 5, level="error")
        wait_for(lambda: "n=5" in running.out[-1])
        assert running.out[-1].split()[0] == "!"
        assert running.out[-1].split()[2:] == ["shop", "error", "order.placed", "n=5"]


def test_it_comes_back_to_a_service_that_was_away_and_misses_nothing(live):
    with tailing("--url", live.url, "--json") as running:
        follows(live, running)
        post(live, 1)
        wait_for(lambda: 1 in running.numbers)
        assert live.stop() == 0
        live.start()
        post(live, 2)
        wait_for(lambda: 2 in running.numbers)
        live.process.kill()
        live.process.wait()
        live.start()
        post(live, 3)
        wait_for(lambda: 3 in running.numbers)
        assert [number for number in running.numbers if number] == [1, 2, 3]
        assert sum("trying again" in line for line in running.err) == 2
        assert sum("there again" in line for line in running.err) == 2
        assert running.end() == 130
        assert not any("Traceback" in line for line in running.err)


def test_a_service_that_is_not_there_or_refuses_is_told_in_one_line(live):
    for arguments, code, told in (
        (["--url", "http://127.0.0.1:9"], 1, "cannot be asked: Connection refused"),
        (["--url", f"{live.url}/nowhere"], 1, "answered 404"),
        (["--url", live.url, "level:eror"], 64, "a level is one of"),
    ):
        with tailing(*arguments) as running:
            assert running.process.wait(20) == code
            wait_for(lambda: running.err)
            assert told in running.err[-1]


def test_a_folder_of_nobody_is_named(tmp_path):
    with tailing("--data", tmp_path) as running:
        assert running.process.wait(20) == 78
        wait_for(lambda: running.err)
        assert str(tmp_path) in running.err[-1]
