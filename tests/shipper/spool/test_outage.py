"""When the service comes back, all come back: in order, each at its time."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import orjson
import pytest

import logweir
from logweir.delivery import LATE_BYTES_PER_SECOND, Delivery
from logweir.emitter import Emitter
from logweir.notices import Notices
from logweir.post import Answer
from logweir.sender import HttpTransport
from logweir.settings import Arguments, read
from logweir.spool.place import Plan
from logweir.tally import Tally
from logweir.verdict import backoff_seconds
from tests.shipper.service import Fault, PlayedService
from tests.shipper.spool.test_kill import wait_for
from tests.shipper.spool.test_spool import Opened, line

CLIENTS, EVENTS = 50, 100


@pytest.mark.fault(25)
def test_50_clients_come_back_one_by_one_in_order_and_have_not_stormed_while_it_was_away(
    service: PlayedService, tmp_path: Path
) -> None:
    service.always = Fault(503)
    senders = [
        HttpTransport(
            service.url,
            plan=Plan(folder=tmp_path / str(client), service="shop", max_bytes=1 << 20),
            backoff=lambda failures: backoff_seconds(failures) / 10,
            notices=Notices(write=lambda text: None),
        )
        for client in range(CLIENTS)
    ]
    for client, sender in enumerate(senders):
        for number in range(EVENTS):
            sender.put(b'{"client":%d,"n":%d}\n' % (client, number), "info")
    waited = threading.Event()
    waited.wait(2)
    away = len(service.requests)
    service.always = None
    wait_for(lambda: len(service.stored) == CLIENTS * EVENTS)
    received: dict[int, list[int]] = {}
    for event in service.events:
        received.setdefault(event["client"], []).append(event["n"])
    assert received == {client: list(range(EVENTS)) for client in range(CLIENTS)}
    assert service.holes == service.repeated == 0
    assert CLIENTS <= away < 20 * CLIENTS
    for sender in senders:
        sender.close(5)


def test_a_late_stream_is_sent_at_a_bounded_rate_in_growing_batches(tmp_path: Path) -> None:
    opened = Opened(tmp_path, max_bytes=64 << 20)
    for number in range(20_000):
        opened.put(number, padding=200)
    sizes: list[int] = []
    waits: list[float] = []

    def post(body: bytes, *, stream: str, seq: int, compress: bool, timeout_seconds: float | None) -> Answer:
        sizes.append(len(body))
        return Answer(200, next_seq=seq)

    (stream,) = opened.spool._own
    delivery = Delivery(stream, post, tally=Tally(), notices=Notices(), late=True)
    while not stream.is_empty():
        waits.append(delivery.step())
    assert sizes[0] <= 256 * 1024 < sizes[1] < sizes[2]
    assert max(sizes) > 2_000_000
    for size, wait in zip(sizes[:-1], waits[:-1], strict=True):
        assert size / LATE_BYTES_PER_SECOND / 2 <= wait <= size / LATE_BYTES_PER_SECOND * 1.5
    assert waits[-1] == 0


def test_stats_tell_how_old_what_waits_is_and_how_much_it_takes(
    service: PlayedService, tmp_path: Path
) -> None:
    service.always = Fault(503)
    sender = HttpTransport(
        service.url,
        plan=Plan(folder=tmp_path, service="shop", max_bytes=1 << 20),
        backoff=lambda failures: 0.01,
        notices=Notices(write=lambda text: None),
    )
    sender.put(line(1), "info")
    wait_for(lambda: sender.stats()["retries"] > 0)
    assert sender.stats()["oldest_unsent_age_seconds"] != 0
    assert sender.stats()["spool_bytes"] == 128 * 1024
    service.always = None
    assert sender.close(10)
    assert sender.stats()["oldest_unsent_age_seconds"] == 0
    assert sender.stats()["spool_bytes"] == 0


def test_stats_forget_what_somebody_has_deleted(service: PlayedService, tmp_path: Path) -> None:
    service.always = Fault(503)
    sender = HttpTransport(
        service.url,
        plan=Plan(folder=tmp_path, service="shop", max_bytes=1 << 20),
        backoff=lambda failures: 0.01,
        notices=Notices(write=lambda text: None),
    )
    sender.put(line(1), "info")
    wait_for(lambda: sender.stats()["oldest_unsent_age_seconds"] > 0)
    shutil.rmtree(tmp_path / "shop")
    wait_for(lambda: sender.stats()["oldest_unsent_age_seconds"] == 0)


def test_the_sender_reports_from_time_to_time_also_when_nothing_comes(
    service: PlayedService, tmp_path: Path
) -> None:
    reported = []
    sender = HttpTransport(
        service.url,
        plan=Plan(folder=tmp_path, service="shop", max_bytes=1 << 20),
        report=lambda: reported.append(threading.current_thread().name),
        report_seconds=0.05,
    )
    sender.put(line(1), "info")
    wait_for(lambda: len(reported) >= 3)
    assert set(reported) == {"logweir-sender"}
    sender.close(5)


def test_the_report_is_an_event_whatever_the_lowest_level(service: PlayedService) -> None:
    emitter = Emitter(
        read(Arguments(service="shop", url=service.url, level="error"), environ={"XDG_STATE_HOME": "/proc"})
    )
    emitter.emit("a.b", "error", {})
    emitter._report()
    assert emitter.close(10)
    (report,) = [event for event in service.events if event["event"] == "logweir.shipper.stats"]
    assert report["shipper_emitted"] == 1
    assert report["shipper_dropped_events"] == 0
    assert report["shipper_encode_errors"] == 0
    assert report["service"] == "shop"


def test_logweir_enabled_false_is_a_kill_switch(
    service: PlayedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGWEIR_ENABLED", "false")
    logweir.configure("shop", url=service.url, spool=tmp_path / "spool")
    logweir.emit("a.b", "critical")
    logweir.get_logger().error("a.b")
    assert logweir.close(5)
    assert service.requests == []
    assert not (tmp_path / "spool").exists()
    assert logweir.stats()["emitted"] == 0
    assert orjson.dumps(dict(logweir.stats()))
