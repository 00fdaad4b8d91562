"""Nothing missing, nothing doubled, whatever the service answers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logweir.notices import Notices
from logweir.post import HttpPost
from logweir.sender import HttpTransport
from logweir.spool.place import Plan
from tests.shipper.service import Fault, PlayedService

PLANS: list[Plan | None] = [None]


@pytest.fixture(params=["memory", "crash", "power"], autouse=True)
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plan | None]:
    """Every test runs with each kind of queue."""
    kind = request.param
    sync = kind == "power"
    spool = Plan(folder=tmp_path, service="shop", max_bytes=64 << 20, sync=sync)
    PLANS.append(None if kind == "memory" else spool)
    yield PLANS[-1]
    PLANS.pop()


def transport(service: PlayedService, *, max_queue_bytes: int = 1 << 20, said: list[bytes] | None = None):
    said = [] if said is None else said
    return HttpTransport(
        service.url,
        token="t0ken",
        max_queue_bytes=max_queue_bytes,
        notices=Notices(write=said.append),
        backoff=lambda failures: 0.005,
        plan=PLANS[-1],
    )


def line(number: int, padding: int = 0) -> bytes:
    return b'{"event":"a.b","level":"info","service":"shop","n":%d,"pad":"%s"}\n' % (number, b"x" * padding)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.002)


def numbers(service: PlayedService) -> list[int]:
    return [event["n"] for event in service.events]


def test_a_batch_says_who_sends_what_and_from_which_number_on(service: PlayedService) -> None:
    sender = transport(service)
    for number in range(30):
        sender.put(line(number), "info")
    assert sender.flush(10)
    sender.put(line(30), "info")
    assert sender.close(10)
    first, *_, last = service.requests
    assert first.path == "/v1/events"
    assert first.headers["Authorization"] == "Bearer t0ken"
    assert first.headers["Content-Type"] == "application/x-ndjson"
    assert first.headers["Content-Encoding"] == "zstd"
    assert first.headers["Logweir-Scrubbed"] == "1"
    assert first.seq == 1
    assert last.lines[-1] == {"_closed": {}}
    assert service.closed == [first.stream]
    assert numbers(service) == list(range(31))


def test_nothing_is_missing_or_doubled_across_503s_and_lost_answers(service: PlayedService) -> None:
    dice = random.Random(7)
    sender = transport(service, max_queue_bytes=16 << 20)
    faults = [Fault(503), Fault(200, stored=True, answered=False), Fault(200, answered=False), Fault(429)]
    for burst in range(40):
        service.script.append(dice.choice(faults))
        for number in range(dice.randrange(1, 400)):
            sender.put(line(burst * 1000 + number), "info")
        if burst % 10 == 0:
            sender.flush(0)
    assert sender.flush(60)
    sent = sender.stats()
    assert len(numbers(service)) == len(set(numbers(service))) == sent["emitted"] == sent["sent"]
    assert numbers(service) == sorted(numbers(service))
    assert service.holes == 0
    assert service.repeated > 0
    assert sent["retries"] > 0


def test_threads_share_one_stream_without_loss(service: PlayedService) -> None:
    sender = transport(service, max_queue_bytes=16 << 20)

    def work(base: int) -> None:
        for number in range(500):
            sender.put(line(base + number), "info")

    threads = [threading.Thread(target=work, args=(base,)) for base in (0, 1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sender.flush(10)
    assert len(set(numbers(service))) == 2000
    assert service.holes == 0


@pytest.mark.parametrize("plan", ["memory"], indirect=True)
@pytest.mark.fault(24)
def test_a_full_queue_drops_the_new_counts_by_level_and_tells_the_service(service: PlayedService) -> None:
    service.always = Fault(503)
    sender = transport(service, max_queue_bytes=20_000)
    for number in range(400):
        sender.put(line(number), "info")
    kept = 400 - sender.stats()["dropped"]["queue_full"]["info"]
    sender.put(line(1000), "error")
    assert "error" not in sender.stats()["dropped"]["queue_full"], "the last tenth is for warnings and above"
    service.always = None
    assert sender.flush(30)
    sender.put(line(1001), "info")
    assert sender.flush(10)
    dropped = sender.stats()["dropped"]["queue_full"]["info"]
    assert sum(service.lost.values()) == dropped == 400 - kept
    assert service.holes == 0
    assert numbers(service) == [*range(kept), 1000, 1001]
    assert sorted(number for _, number in service.stored) == [*range(1, kept + 1), 401, 402]


@pytest.mark.fault(21)
def test_a_lost_answer_followed_by_close_stores_and_counts_everything_once(service: PlayedService) -> None:
    service.script.append(Fault(200, stored=True, answered=False))
    sender = transport(service)
    for number in range(5):
        sender.put(line(number), "info")
    assert sender.close(10)
    assert numbers(service) == list(range(5))
    assert sender.stats()["sent"] == 5
    assert len(service.closed) == 1
    assert service.conflicts == 0


def test_an_end_whose_answer_was_lost_is_repeated_in_the_same_stream(service: PlayedService) -> None:
    ends = Fault(200, stored=True, answered=False, when=lambda request: "_closed" in request.lines[-1])
    service.script.append(ends)
    sender = transport(service)
    sender.put(line(0), "info")
    assert sender.close(10)
    assert numbers(service) == [0]
    assert set(service.closed) == {service.requests[0].stream}


def test_an_event_replaced_after_it_had_arrived_is_not_stored_again(service: PlayedService) -> None:
    service.script.extend([Fault(200, stored=True, answered=False), Fault(413)])
    sender = transport(service)
    sender.put(line(0), "info")
    assert sender.flush(10)
    sender.put(line(1), "info")
    assert sender.close(10)
    assert service.conflicts == 1
    assert numbers(service) == [0, 1]
    assert {request.stream for request in service.requests} == {service.requests[0].stream}


@pytest.mark.fault(20)
def test_409_opens_a_new_stream_with_the_same_events_from_1(service: PlayedService) -> None:
    service.script.append(Fault(409))
    sender = transport(service)
    for number in range(3):
        sender.put(line(number), "info")
    assert sender.flush(10)
    first, second = service.requests
    assert first.stream != second.stream
    assert (first.seq, second.seq) == (1, 1)
    assert first.lines == second.lines


@pytest.mark.fault(27)
def test_413_halves_until_it_fits_and_only_a_single_event_is_replaced(service: PlayedService) -> None:
    original = service._answer

    def answer(handler, body):
        service.always = Fault(413) if len(body) > 5000 else None
        original(handler, body)

    service._answer = answer  # type: ignore[method-assign]
    sender = transport(service)
    for number in range(100):
        sender.put(line(number, padding=100), "info")
    sender.put(line(100, padding=6000), "error")
    sender.put(line(101), "info")
    assert sender.flush(10)
    assert [event.get("n") for event in service.events] == [*range(100), None, 101]
    stub = service.events[100]
    assert stub["_truncated"] == ["*"]
    assert "was too large" in stub["message"]
    assert service.holes == 0


@pytest.mark.fault(27)
def test_415_and_400_fall_back_to_no_compression_once(service: PlayedService) -> None:
    for status in (415, 400):
        service.requests.clear()
        service.script.append(Fault(status))
        sender = transport(service)
        for number in range(20):
            sender.put(line(number), "info")
        assert sender.flush(10)
        first, second = service.requests
        assert first.headers["Content-Encoding"] == "zstd"
        assert "Content-Encoding" not in second.headers
        assert sender.stats()["dropped"] == {}


@pytest.mark.fault(27)
def test_of_what_is_refused_only_the_bad_event_is_dropped_counted_and_told(service: PlayedService) -> None:
    original = service._answer

    def answer(handler, body):
        service.always = Fault(400) if body.find(b'"n":13,') >= 0 else None
        original(handler, body)

    service._answer = answer  # type: ignore[method-assign]
    said: list[bytes] = []
    sender = transport(service, said=said)
    for number in range(2500):
        sender.put(line(number), "info")
    assert sender.flush(10)
    assert sender.stats()["dropped"] == {"refused": {"info": 1}}
    assert numbers(service) == [number for number in range(2500) if number != 13]
    assert sum(service.lost.values()) == 1
    assert service.holes == 0
    assert sum(b"an event was refused for good, 400" in text for text in said) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.fault(26)
def test_a_wrong_token_or_address_keeps_the_events_and_says_so_once(
    service: PlayedService, status: int
) -> None:
    service.script.append(Fault(status))
    said: list[bytes] = []
    sender = transport(service, said=said)
    sender.put(line(0), "info")
    wait_for(lambda: bool(said))
    assert not numbers(service)
    assert sender.flush(10), "a flush tries again at once"
    assert numbers(service) == [0]
    assert len(said) == 1
    assert b"LOGWEIR_TOKEN" in said[0]


def test_retry_after_is_honoured(service: PlayedService) -> None:
    service.script.append(Fault(503, headers=(("Retry-After", "300"),)))
    sender = transport(service)
    sender.put(line(0), "info")
    wait_for(lambda: sender.stats()["retries"] == 1)
    assert len(service.requests) == 1
    assert sender.flush(10)
    assert numbers(service) == [0]


@pytest.mark.fault(24)
def test_without_a_service_nothing_blocks_and_nothing_raises() -> None:
    said: list[bytes] = []
    sender = HttpTransport("http://127.0.0.1:9", notices=Notices(write=said.append))
    sender.put(line(0), "info")
    assert not sender.flush(0.05)
    assert sender.stats()["queued"] == 1
    assert sender.stats()["last_error"] == (
        "no answer: http://127.0.0.1:9/v1/events: NewConnectionError: Connection refused"
    )


def test_an_event_after_close_opens_a_new_stream(service: PlayedService) -> None:
    sender = transport(service)
    sender.put(line(0), "info")
    assert sender.close(10)
    sender.put(line(1), "info")
    assert sender.close(10)
    assert len(set(service.closed)) == 2
    assert sorted(number for _, number in service.stored) == [1, 1]
    assert sender.close(10)
    assert len(service.closed) == 2, "closing twice says it once"


@pytest.mark.fault(22)
def test_a_forked_child_has_its_own_stream_and_sends_nothing_of_its_parent(service: PlayedService) -> None:
    sender = transport(service)
    sender.put(line(0), "info")
    child = os.fork()
    if child == 0:
        sender.put(line(100), "info")
        os._exit(0 if sender.close(10) else 1)
    sender.put(line(1), "info")
    assert sender.flush(10)
    assert os.waitpid(child, 0)[1] == 0
    streams: dict[str, list[int]] = {stream: [] for stream, _ in service.stored}
    for (stream, _), event in service.stored.items():
        streams[stream].append(event["n"])
    assert sorted(streams.values()) == [[0, 1], [100]]


UNTOLD_FORK = """
import ctypes, os, sys
from pathlib import Path
from logweir.sender import HttpTransport
from logweir.spool.place import Plan
url, folder = sys.argv[1:]
plan = Plan(folder=Path(folder), service="shop", max_bytes=64 << 20) if folder else None
sender = HttpTransport(url, plan=plan)
sender._exiting = True  # no thread: with one, CPython itself does not outlive such a fork
sender.put(b'{"n":0}\\n', "info")
child = ctypes.PyDLL(None).fork()
if child == 0:
    sender.put(b'{"n":100}\\n', "info")
    os._exit(0 if sender.flush(10) and sender.stats()["emitted"] == 1 else 1)
sender.put(b'{"n":1}\\n', "info")
sys.exit(os.waitpid(child, 0)[1] or not sender.flush(10))
"""


@pytest.mark.fault(22)
def test_a_child_of_a_fork_that_python_is_not_told_of_has_its_own_stream(
    service: PlayedService, plan: Plan | None
) -> None:
    command = [sys.executable, "-c", UNTOLD_FORK, service.url, str(plan.folder if plan else "")]
    subprocess.run(command, check=True, timeout=30)
    streams: dict[str, list[int]] = {stream: [] for stream, _ in service.stored}
    for (stream, number), event in service.stored.items():
        streams[stream].append(event["n"])
        assert number == len(streams[stream])
    assert sorted(streams.values()) == [[0, 1], [100]]


@pytest.mark.parametrize("plan", ["memory"], indirect=True)
def test_a_reader_that_can_wait_does_until_half_of_the_queue_is_free(service: PlayedService) -> None:
    service.always = Fault(503)
    sender = transport(service, max_queue_bytes=20_000)
    for number in range(250):
        sender.put(line(number), "info")
    reader = threading.Thread(target=sender.wait_for_room, daemon=True)
    reader.start()
    wait_for(lambda: len(service.requests) > 3)
    assert reader.is_alive()
    service.always = None
    reader.join(20)
    assert not reader.is_alive()
    assert sender.stats()["queued_bytes"] <= 10_000


@pytest.mark.parametrize("plan", ["memory"], indirect=True)
def test_an_event_made_inside_put_on_the_same_thread_follows(service: PlayedService) -> None:
    sender = transport(service)
    backlog = sender._backlog
    original = backlog._append
    nested = iter([line(1)])

    def append(data: bytes, level: str) -> None:
        for inner in nested:
            sender.put(inner, "info")
        original(data, level)

    backlog._append = append
    sender.put(line(0), "info")
    assert sender.flush(10)
    assert numbers(service) == [0, 1]


def test_a_fault_of_the_sender_itself_is_said_and_does_not_end_it(service: PlayedService) -> None:
    faults = [MemoryError("none left")]
    said: list[bytes] = []

    def make_post() -> HttpPost:
        if faults:
            raise faults.pop()
        return HttpPost(service.url, token=None)

    sender = HttpTransport(service.url, make_post=make_post, notices=Notices(write=said.append))
    sender.put(line(0), "info")
    wait_for(lambda: bool(said))
    assert sender.flush(10)
    assert numbers(service) == [0]
    assert b"MemoryError: none left" in said[0]


def test_a_backlog_is_sent_in_growing_batches(service: PlayedService) -> None:
    service.always = Fault(503)
    sender = transport(service, max_queue_bytes=64 << 20)
    for number in range(25_000):
        sender.put(line(number), "info")
    service.always = None
    assert sender.flush(30)
    assert max(len(request.lines) for request in service.requests) == 10_000
    assert len(numbers(service)) == 25_000
