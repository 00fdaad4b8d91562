"""The service is stopped, paused and killed while senders wait: what was acknowledged stays, once."""

import shutil
import signal
import socket
import subprocess
import time

import pytest
import urllib3

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import must_hold, sending, wait_for
from tests.service.promote.sentry_server import Answer, serving

FIFTY = 50
FAILED = b'{"event":"order.failed","service":"shop","level":"error","error_type":"Late"}\n'


def all_beyond(senders, last):
    wait_for(lambda: all(sender.acknowledged > last for sender in senders))


@pytest.mark.fault(28)
def test_paused_service_is_heard_of_by_timeouts_and_what_comes_again_counts_once(tmp_path):
    with LiveService(tmp_path / "data") as live:
        live.http = urllib3.PoolManager(retries=False, timeout=0.5, maxsize=32)
        with sending(live, 4) as senders:
            all_beyond(senders, 100)
            live.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: all(sender.unanswered for sender in senders))
            assert not live.is_ready()
            live.process.send_signal(signal.SIGCONT)
            wait_for(live.is_ready)
            all_beyond(senders, max(sender.acknowledged for sender in senders) + 100)
        assert sum(sender.duplicate for sender in senders) > 0
        must_hold(live, *senders)
        assert live.stop() == 0


@pytest.mark.fault(29)
def test_service_told_to_stop_under_load_drains_and_exits_0(tmp_path):
    with LiveService(tmp_path / "data") as live:
        with sending(live, 8) as senders:
            all_beyond(senders, 100)
            started = time.monotonic()
            assert live.stop() == 0
            assert time.monotonic() - started < 20
            assert "all that was acknowledged is on disk" in live.log[-1]
            live.start()
            all_beyond(senders, max(sender.acknowledged for sender in senders))
        must_hold(live, *senders)


@pytest.mark.fault(29)
def test_service_told_to_stop_twice_waits_for_nobody_and_loses_nothing(tmp_path):
    with LiveService(tmp_path / "data") as live:
        with sending(live, 4) as senders:
            all_beyond(senders, 100)
            with reader_that_stalls(live):
                live.process.send_signal(signal.SIGTERM)
                with pytest.raises(subprocess.TimeoutExpired):
                    live.process.wait(1)
                live.process.send_signal(signal.SIGTERM)
                assert live.process.wait(5) == 0
            live.start()
        must_hold(live, *senders)


@pytest.mark.fault(29)
def test_service_told_to_stop_twice_does_not_wait_for_sentry(tmp_path):
    with serving(Answer(hangs=True)) as sentry:
        waiting = {"SENTRY_DSN": sentry.dsn}
        with LiveService(tmp_path / "data", environment=waiting, module="tests.end_to_end.patient") as live:
            assert live.post(FAILED).json()["accepted"] == 1
            sentry.wait_for(1, timeout_seconds=30)
            live.process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                live.process.wait(1)
            live.process.send_signal(signal.SIGTERM)
            assert live.process.wait(5) == 0
            sentry.let_go.set()
            live.start()
            sentry.wait_for(2, timeout_seconds=30)
        assert sentry.requests[0].event["event_id"] == sentry.requests[1].event["event_id"]


@pytest.mark.fault(29)
def test_service_told_to_stop_while_it_reads_its_journal_does_so_and_changes_nothing(tmp_path):
    seldom = {"LOGWEIR_CHECKPOINT_SECONDS": "3600"}
    with LiveService(tmp_path / "data", environment=seldom) as live:
        for _ in range(200):
            assert live.post(FAILED).json()["accepted"] == 1
        live.stop(signal.SIGKILL)
    before = contents(live.data)
    slow = LiveService(live.data, module="tests.end_to_end.patient")
    slow.launch()
    wait_for(lambda: slow.url != "" and slow.get("/ready").status == 503)
    assert slow.get("/ready").json()["message"].startswith("starting")
    assert slow.stop() == 0
    assert not any("is ready" in line for line in slow.log)
    assert any("told to stop before it was ready" in line for line in slow.log)
    assert contents(live.data) == before
    with live:
        assert live.get("/v1/status").json()["journal"]["last_lsn"] == 200
        assert any("read 200 events in 200 batches" in line for line in live.log)


def contents(data):
    """Every file of a data folder but the lock, which names its owner."""
    return {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and path.name != "LOCK"}


def reader_that_stalls(live):
    """A connection that has asked for more than the kernel takes, and reads none of it."""
    line = b'{"event":"told","service":"x","level":"info","correlation_id":"long-1","message":"%s"}\n'
    for _ in range(10):
        assert live.post(line % (b"x" * 200_000) * 20).json()["accepted"] == 20
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(live.url.rpartition(":")[2])))
    client.sendall(b"GET /v1/events?correlation_id=long-1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    return client


@pytest.mark.fault(54)
def test_fifty_senders_whose_service_dies_send_again_and_nothing_is_lost_or_doubled(tmp_path):
    with LiveService(tmp_path / "data") as live:
        with sending(live, FIFTY, per_body=5) as senders:
            for _ in range(2):
                goal = min(sender.acknowledged for sender in senders) + 10
                all_beyond(senders, goal)
                live.process.send_signal(signal.SIGSTOP)  # so that all of them wait for an answer
                time.sleep(0.3)
                live.stop(signal.SIGKILL)
                live.start()
            all_beyond(senders, max(sender.acknowledged for sender in senders))
        assert all(sender.unanswered >= 2 for sender in senders)
        must_hold(live, *senders)


@pytest.mark.fault(12)
def test_service_whose_folder_is_removed_ends_with_70_and_one_line(tmp_path):
    with LiveService(tmp_path / "data") as live:
        assert live.post(b'{"event":"a.b","service":"shop","level":"info"}\n').status == 200
        shutil.rmtree(live.data)
        assert live.get("/ready").status == 503
        live.post(b'{"event":"a.b","service":"shop","level":"info"}\n')
        assert live.process.wait(30) == 70
        live._reader.join(30)
        told = [line for line in live.log if " INFO " not in line and "promote.cursor" not in line]
        assert [str(live.data) in line for line in told] == [True]
        assert not any("is on disk" in line for line in live.log)


@pytest.mark.fault(1)
def test_start_after_a_kill_says_so_and_one_after_a_stop_does_not(tmp_path):
    with LiveService(tmp_path / "data") as live:
        assert live.stop() == 0
        live.start()
        assert not any("ended without stopping" in line for line in live.log)
        killed = live.process.pid
        live.stop(signal.SIGKILL)
        before = len(live.log)
        live.start()
        assert f"pid {killed}, ended without stopping" in live.log[before]
        assert live.stop() == 0
        before = len(live.log)
        (live.data / "format.json").unlink()
        live.start()
        assert "format.json was missing, and was made again" in live.log[before]
        assert (live.data / "ballast").exists()


@pytest.mark.fault(9)
def test_start_on_a_full_disk_says_that_it_takes_no_events(tmp_path):
    live = LiveService(tmp_path / "data", environment={"LOGWEIR_MIN_FREE_BYTES": str(10**18)})
    live.launch()
    wait_for(lambda: any("events are refused with 503" in line for line in live.log))
    assert live.get("/ready").status == 503
    assert live.stop() == 0
    assert any("takes no events yet: data in" in line for line in live.log)
    assert not any("is ready" in line for line in live.log)
