"""What is told at intervals, and the thread that does it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

import logweir
from logweir import process, samplers
from logweir.request import Policy, Request
from logweir.samplers import THREAD_NAME, Every, Load
from logweir.system import System
from logweir.testing import CapturingSink
from tests.shipper.service import PlayedService

POLICY = Policy.of((), trust_inbound_ids=False, slow_seconds=0)


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def eventually(claim: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (found := claim()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def configured(*chosen: str | samplers.Sampler) -> CapturingSink:
    sink = CapturingSink()
    logweir.configure("shop", to=sink, samplers=chosen)
    return sink


def test_the_first_event_starts_one_thread_for_all_and_close_ends_it() -> None:
    sink = configured(
        Every(0.01, lambda: logweir.emit("a.first")), Every(0.02, lambda: logweir.emit("a.second"))
    )
    time.sleep(0.05)
    assert running() == []
    assert sink.events == []
    logweir.emit("a.begin")
    eventually(lambda: len(sink.named("a.first")) > 2 and len(sink.named("a.second")) > 2)
    assert len(running()) == 1
    assert running()[0].daemon
    logweir.close()
    eventually(lambda: not running())
    count = len(sink.lines)
    time.sleep(0.05)
    assert len(sink.lines) == count
    logweir.emit("a.begin")
    eventually(lambda: len(sink.named("a.first")) > count)


def test_the_last_sample_does_not_start_the_thread_again() -> None:
    sampling, go_on = threading.Event(), threading.Event()

    def sample() -> None:
        sampling.set()
        go_on.wait(10)
        logweir.emit("a.sample")

    sink = configured(Every(0.01, sample))
    logweir.emit("a.begin")
    sampling.wait(10)
    logweir.close(0)
    (thread,) = running()
    go_on.set()
    thread.join(10)
    assert sink.named("a.sample")
    assert running() == []


def test_each_sampler_keeps_its_own_interval() -> None:
    often, seldom = (lambda: logweir.emit("a.often")), (lambda: logweir.emit("a.seldom"))
    sink = configured(Every(0.01, often), Every(30, seldom))
    logweir.emit("a.begin")
    eventually(lambda: len(sink.named("a.often")) > 4)
    assert len(sink.named("a.seldom")) == 1


def test_a_sampler_slower_than_its_interval_leaves_pauses() -> None:
    ended, pauses = [0.0], []

    def sample() -> None:
        pauses.append(time.monotonic() - ended[-1])
        time.sleep(0.03)
        ended.append(time.monotonic())

    configured(Every(0.02, sample))
    logweir.emit("a.begin")
    eventually(lambda: len(pauses) > 3)
    assert min(pauses) > 0.015


def test_close_waits_for_the_sample_that_is_being_taken() -> None:
    sampling = threading.Event()

    def sample() -> None:
        sampling.set()
        time.sleep(0.05)
        logweir.emit("a.sample")

    sink = configured(Every(30, sample))
    logweir.emit("a.begin")
    sampling.wait(10)
    logweir.close()
    assert sink.named("a.sample")


def test_a_configuration_that_is_replaced_takes_its_samplers_along() -> None:
    first = configured(Every(0.01, lambda: logweir.emit("a.sample")))
    logweir.emit("a.begin")
    eventually(lambda: first.named("a.sample"))
    second = configured()
    eventually(lambda: not running())
    time.sleep(0.03)
    logweir.emit("a.begin")
    time.sleep(0.03)
    assert len(second.events) <= 2, "at most one sample that was being taken"


def test_a_forked_child_samples_on_its_own(service: PlayedService) -> None:
    logweir.configure("shop", url=service.url, samplers=[Every(0.05, lambda: logweir.emit("a.sample"))])
    logweir.emit("a.begin")
    eventually(running)
    child = os.fork()
    if child == 0:
        before = len(running())
        logweir.emit("a.begin")
        time.sleep(0.2)
        logweir.close(5)
        os._exit(before)
    assert os.waitpid(child, 0)[1] == 0
    logweir.close(5)
    instances = {
        event["service_instance_id"].rpartition(":")[2]
        for event in service.events
        if event["event"] == "a.sample"
    }
    assert instances == {str(os.getpid()), str(child)}


def test_a_sampler_that_fails_is_told_of_and_stops_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    sink = configured(Every(0.01, lambda: 1 // 0), Every(0.01, lambda: logweir.emit("a.sample")))
    logweir.emit("a.begin")
    eventually(lambda: len(sink.named("a.sample")) > 3)
    logweir.close()
    told = [line for line in capfd.readouterr().err.splitlines() if "sample" in line]
    assert told == [
        "logweir: a sample was not taken: Every: ZeroDivisionError: integer division or modulo by zero"
    ]


def test_samples_have_nothing_of_the_request_that_started_the_thread() -> None:
    sink = configured(Every(0.01, lambda: logweir.emit("a.sample")))
    with logweir.bound(correlation_id="c1", user_id="u1"):
        logweir.emit("a.begin")
        sample = eventually(lambda: sink.named("a.sample"))[0]
    assert not {"correlation_id", "user_id"} & sample.keys()


def test_load_is_the_requests_that_are_served_now() -> None:
    sink = configured(Load(seconds=0.01, queue_depth=lambda: 7))
    requests = [Request(POLICY, [], path="/", method="GET") for _ in range(3)]
    websocket = Request(POLICY, [], path="/")
    logweir.emit("a.begin")
    load = eventually(lambda: sink.named("http.load"))[0]
    assert (load["http_requests_in_progress"], load["http_queue_depth"]) == (3, 7)
    for request in (*reversed(requests), websocket):
        request.end()
    sink.clear()
    eventually(lambda: [each for each in sink.named("http.load") if each["http_requests_in_progress"] == 0])


def test_load_is_told_where_the_queue_cannot_be_asked(sink: CapturingSink) -> None:
    with pytest.raises(ZeroDivisionError):
        Load(queue_depth=lambda: 1 // 0).sample()
    (load,) = sink.events
    assert "http_queue_depth" not in load


def test_the_named_ones_have_the_intervals_that_are_promised() -> None:
    load, system = samplers.chosen(["load", "system"])
    assert (load.seconds, system.seconds) == (10, 15)
    assert samplers.chosen("load, system") == (load, system)


def test_the_environment_names_samplers_and_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def configured_ones(**arguments: Any) -> tuple[samplers.Sampler, ...]:
        logweir.configure("shop", to=CapturingSink(), **arguments)
        return process.emitter().settings.samplers

    monkeypatch.setenv("LOGWEIR_SAMPLERS", "load, system")
    assert configured_ones() == (Load(), System())
    assert configured_ones(samplers=["load"]) == (Load(),)
    assert configured_ones(samplers=[]) == ()
    monkeypatch.setenv("LOGWEIR_SAMPLERS", "off")
    assert configured_ones(samplers=["load"]) == ()
    monkeypatch.setenv("LOGWEIR_SAMPLERS", "load,memory")
    with pytest.raises(ValueError, match=r"^LOGWEIR_SAMPLERS: 'memory' is none of"):
        configured_ones()


def test_configuring_the_same_again_changes_nothing() -> None:
    sink = CapturingSink()
    logweir.configure("shop", to=sink, samplers=["load", "system"])
    emitter = process.emitter()
    logweir.configure("shop", to=sink, samplers=["load", "system"])
    assert process.emitter() is emitter


@pytest.mark.parametrize("wrong", ["memory", 7, Every(0, print), Every(float("nan"), print)])
def test_what_is_no_sampler_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^samplers: .* (is none of|says)"):
        logweir.configure("shop", samplers=[wrong])


def test_a_sample_of_the_system_agrees_with_psutil() -> None:
    sink = configured()
    system = System(mounts=("/", "/dev"))
    system.sample()
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    system.sample()
    first, _, second, devices = sink.events
    assert "system_cpu_usage_ratio" not in first, "there is no time that it could be the share of"
    assert 0 <= second["system_cpu_usage_ratio"] <= 1
    assert second["app_process_cpu_usage_ratio"] > 0
    assert second["system_memory_usage_ratio"] == pytest.approx(
        psutil.virtual_memory().percent / 100, abs=0.2
    )
    assert second["app_process_memory_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert second["app_process_open_fds"] > 0
    assert second["system_disk_mount"] == "/"
    assert second["system_disk_usage_ratio"] == pytest.approx(psutil.disk_usage("/").percent / 100, abs=0.05)
    assert second["system_network_receive_bytes"] >= first["system_network_receive_bytes"] >= 0
    assert second["system_network_transmit_bytes"] >= 0
    assert devices["system_disk_mount"] == "/dev"
    assert "system_memory_usage_ratio" not in devices


def test_what_the_machine_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise psutil.AccessDenied

    sink = configured()
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    monkeypatch.setattr(psutil, "net_io_counters", refuse)
    monkeypatch.setattr(psutil.Process, "num_fds", refuse)
    System(mounts=("/nowhere",)).sample()
    (event,) = sink.events
    assert not {key for key in event if "disk" in key or "network" in key or "fds" in key}
    assert event["app_process_memory_bytes"] > 0


def test_without_psutil_one_line_says_what_to_install() -> None:
    code = """
import sys, time
sys.modules["psutil"] = None
import logweir
from logweir.testing import CapturingSink
sink = CapturingSink()
logweir.configure("shop", to=sink, samplers=["system", "load"])
logweir.emit("a.b")
while not sink.named("http.load"): time.sleep(0.01)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith("logweir: a sample was not taken: System: ImportError: psutil is missing: ")
    assert line.endswith("pip install 'logweir[system]'")


def test_samplers_hold_up_no_exit(service: PlayedService) -> None:
    code = f"""
import logweir, time
hanging = logweir.samplers.Every(0.01, lambda: time.sleep(60))
logweir.configure("shop", url={service.url!r}, samplers=["load", hanging])
logweir.emit("a.b")
time.sleep(0.3)
"""
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert time.monotonic() - started < 30
    assert {"a.b", "http.load"} == {event["event"] for event in service.events}
    assert len(service.closed) == 1
