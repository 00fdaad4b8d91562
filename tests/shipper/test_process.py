"""One emitter per process, whatever is configured and however often it forks."""

from __future__ import annotations

import os
import threading

import logweir
from logweir import process
from logweir.testing import CapturingSink
from tests.shipper.service import Fault, PlayedService
from tests.shipper.test_exit import run


def test_what_was_queued_before_another_configure_is_sent_and_counted(service: PlayedService) -> None:
    logweir.configure("shop", url=service.url)
    logweir.emit("a.first")
    logweir.configure("till", url=service.url)
    logweir.emit("a.second")
    assert logweir.stats()["emitted"] == 2
    assert logweir.flush(10)
    assert {(event["service"], event["event"]) for event in service.events} == {
        ("shop", "a.first"),
        ("till", "a.second"),
    }
    assert logweir.stats()["sent"] == 2
    assert logweir.close(10)
    assert len(service.closed) == 2


def test_what_an_earlier_emitter_dropped_stays_counted(service: PlayedService) -> None:
    service.always = Fault(503)
    dropped = []
    for name in ("shop", "till"):
        logweir.configure(name, url=service.url, durability="memory", max_queue_bytes=1024)
        for _ in range(10):
            logweir.emit("a.b", padding="x" * 200)
        dropped.append(logweir.stats()["dropped"]["queue_full"]["info"])
    assert dropped[1] == 2 * dropped[0] > 0
    assert logweir.stats()["emitted"] == 20


def test_the_end_of_a_process_sends_what_was_queued_before_another_configure(service: PlayedService) -> None:
    of_first = Fault(503, when=lambda request: request.lines[0].get("service") == "shop")
    service.script.extend([of_first, of_first, of_first])
    code = """
import logweir
logweir.configure('shop'); logweir.emit('a.first')
logweir.configure('till'); logweir.emit('a.second')
"""
    ended = run("-c", code, url=service.url)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert {event["event"] for event in service.events} == {"a.first", "a.second"}


def test_a_stream_ends_where_another_configure_replaces_it(service: PlayedService) -> None:
    logweir.configure("shop", url=service.url)
    logweir.emit("a.b")
    assert logweir.flush(10)
    logweir.configure("shop", to=CapturingSink())
    assert logweir.close(10)
    assert service.closed == [service.requests[0].stream]


def test_a_child_forked_while_another_thread_configures_can_configure() -> None:
    configuring, go_on = threading.Event(), threading.Event()

    def configure() -> None:
        with process._making:
            configuring.set()
            go_on.wait(10)

    thread = threading.Thread(target=configure)
    thread.start()
    configuring.wait(10)
    threading.Timer(0.05, go_on.set).start()
    child = os.fork()
    if child == 0:
        second = threading.Thread(target=logweir.configure, args=("shop",), daemon=True)
        second.start()
        second.join(5)
        os._exit(second.is_alive())
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    logweir.configure("till", to=CapturingSink())
