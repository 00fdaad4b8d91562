"""Real processes: what is sent when one ends, and what the command carries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from logweir.cli import Ending
from tests.shipper.service import Fault, PlayedService


def run(
    *arguments: str, url: str | None = None, stdin: bytes = b"", timeout_seconds: float = 30
) -> subprocess.CompletedProcess[bytes]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    if url:
        environ["LOGWEIR_URL"] = url
    return subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        env=environ,
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )


def test_the_end_of_a_process_flushes_and_closes_the_stream(service: PlayedService) -> None:
    ended = run("-c", "import logweir; [logweir.emit('a.b', n=n) for n in range(3)]", url=service.url)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert [event["n"] for event in service.events] == [0, 1, 2]
    assert len(service.closed) == 1


def test_an_event_of_an_exit_handler_is_sent_without_a_new_thread(service: PlayedService) -> None:
    code = """
import atexit, logweir, threading
logweir.configure('shop')
def last():
    logweir.emit('a.last')
    assert threading.active_count() <= 1
atexit.register(last)
"""
    ended = run("-c", code, url=service.url)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert [event["event"] for event in service.events] == ["a.last"]


def test_a_thread_that_outlives_the_main_one_has_its_events_sent_while_it_runs(
    service: PlayedService,
) -> None:
    code = """
import os, threading, time, logweir
def work():
    threading.main_thread().join()
    logweir.emit("a.b")
    deadline = time.monotonic() + 10
    while not logweir.stats()["sent"] and time.monotonic() < deadline:
        time.sleep(0.01)
    os._exit(0 if logweir.stats()["sent"] else 1)
threading.Thread(target=work).start()
"""
    assert run("-c", code, url=service.url).returncode == 0


def test_a_service_that_is_away_delays_the_end_by_two_seconds_at_most(service: PlayedService) -> None:
    service.always = Fault(503)
    ended = run("-c", "import logweir; logweir.emit('a.b')", url=service.url, timeout_seconds=7)
    assert ended.returncode == 0
    assert not service.events


def test_pipe_carries_json_lines_and_text(service: PlayedService) -> None:
    lines = b"""{"event":"a.b","level":"WARN","service":"other","timestamp":"2026","password":"x"}
plain text

[1,2]
{"shipped":true,"event":"a.c"}
{"message":"no name"}
"""
    ended = run("-m", "logweir.cli", "pipe", "--service", "shop", "--url", service.url, "--tee", stdin=lines)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == lines
    named, text, array, unnamed = service.events
    assert (named["event"], named["level"], named["service"]) == ("a.b", "warning", "other")
    assert (named["timestamp"], named["password"]) == ("2026", "[redacted]")
    assert (text["event"], text["message"], text["service"]) == ("log.record", "plain text", "shop")
    assert array["message"] == "[1,2]"
    assert (unnamed["event"], unnamed["level"]) == ("log.record", "info")


def test_pipe_carries_lines_whose_name_or_level_is_odd(service: PlayedService) -> None:
    lines = b'{"event":{"kind":"event"},"n":1}\n{"event":"a.b","level":"%s"}\n' % (b"9" * 5000)
    ended = run("-m", "logweir.cli", "pipe", "--url", service.url, stdin=lines)
    assert (ended.returncode, ended.stderr) == (0, b"")
    odd, named = service.events
    assert (odd["event"], odd["message"], odd["n"]) == ("log.record", {"kind": "event"}, 1)
    assert (named["event"], named["level"]) == ("a.b", "info")


def test_pipe_sends_what_it_has_read_when_it_is_told_to_end(service: PlayedService) -> None:
    command = [sys.executable, "-m", "logweir.cli", "pipe", "--service", "shop", "--url", service.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"one\ntwo\nbegun")
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while len(service.events) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert [event["message"] for event in service.events] == ["one", "two", "begun"]
    assert len(service.closed) == 1


def test_a_signal_ends_the_pipe_only_while_it_waits() -> None:
    ending = Ending()
    with pytest.raises(KeyboardInterrupt), ending.may_interrupt():
        ending.tell()
    ending.tell()
    with pytest.raises(KeyboardInterrupt), ending.may_interrupt():
        raise AssertionError("it was told before")


def test_pipe_carries_lines_of_any_length(service: PlayedService) -> None:
    lines = [b"x" * length for length in (70_000, 1, 65_535, 65_536, 200_000)]
    ended = run("-m", "logweir.cli", "pipe", "--url", service.url, "--tee", stdin=b"\n".join(lines))
    assert (ended.returncode, ended.stdout) == (0, b"\n".join(lines))
    assert [event["message"][0] for event in service.events] == ["x"] * 5
    assert [len(event["message"]) for event in service.events] == [16_384, 1, 16_384, 16_384, 16_384]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 64, b"COMMAND"),
        (("pipe", "--nonsense"), 64, b"--nonsense"),
        (("pipe",), 78, b"--url or LOGWEIR_URL"),
        (("pipe", "--url", "nonsense"), 78, b"url: 'nonsense'"),
    ],
)
def test_wrong_use_and_wrong_settings_have_their_own_exit_codes(
    arguments: tuple[str, ...], code: int, said: bytes
) -> None:
    ended = run("-m", "logweir.cli", *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert b"Traceback" not in ended.stderr
