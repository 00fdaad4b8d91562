"""The service is killed under load; afterwards its totals equal what was acknowledged."""

import json
import random
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.live import LiveService

KILLS = 5
SENDERS = 4

MAX_UNKNOWN = 40
"""A body may be stored whose answer was lost in a kill, and which its sender did not live to send again."""


def line(sender, number):
    return json.dumps(
        {
            "event": "http.request",
            "service": f"sender-{sender}",
            "level": "info",
            "timestamp": "2026-09-21T14:13:20.000000Z",
            "correlation_id": f"c-{sender}-{number}",
            "http_request_method": "GET",
            "http_route": "/",
            "http_response_status_code": 200,
            "duration_seconds": 0.02,
        }
    ).encode()


@dataclass
class Sender:
    """Sends its stream in order, each body until it is acknowledged, sometimes twice or cut anew."""

    live: LiveService
    name: int
    stopping: threading.Event
    acknowledged: int = 0
    """The last number that a 2xx covered."""
    stream: str = field(default_factory=lambda: str(uuid4()))

    def run(self):
        dice = random.Random(self.name)
        unsent_from = 1
        while not self.stopping.is_set():
            count = dice.randint(1, MAX_UNKNOWN)
            body = b"".join(line(self.name, n) + b"\n" for n in range(unsent_from, unsent_from + count))
            if self._send(body, unsent_from, count):
                self.acknowledged = unsent_from + count - 1
                if dice.random() < 0.1:
                    self._send(body, unsent_from, count)
                unsent_from += count

    def _send(self, body, seq, count):
        """Whether the body was acknowledged; if not, the next try is cut anew."""
        try:
            answer = self.live.post(body, Logweir_Stream=self.stream, Logweir_Seq=str(seq))
        except urllib3.exceptions.HTTPError:
            time.sleep(0.02)
            return False
        assert answer.status in (200, 503), answer.data
        if answer.status != 200:
            return False
        receipt = answer.json()
        assert receipt["accepted"] + receipt["duplicate"] == count
        assert receipt["rejected_count"] == 0
        return True


@contextmanager
def sending(live, count):
    """Senders at work for as long as the context lasts."""
    stopping = threading.Event()
    senders = [Sender(live, name, stopping) for name in range(count)]
    threads = [threading.Thread(target=sender.run, daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stopping.set()
        for thread in threads:
            thread.join(30)


def counted(live):
    """``http_requests_total`` and the histogram's count by service, from one scrape."""
    totals = {}
    for family in text_string_to_metric_families(live.get("/metrics").data.decode()):
        for sample in family.samples:
            if sample.name in ("http_requests_total", "http_request_duration_seconds_count"):
                totals[sample.name, sample.labels["service"]] = sample.value
    return totals


@pytest.mark.fault(1, 14, 21)
@pytest.mark.timeout(300)
def test_totals_after_kills_equal_what_was_acknowledged_and_no_scrape_goes_backwards(tmp_path):
    dice = random.Random(7)
    with LiveService(tmp_path / "data") as live:
        with sending(live, SENDERS) as senders:
            before: dict[tuple[str, str], float] = {}
            for _ in range(KILLS):
                deadline = time.monotonic() + dice.uniform(0.3, 1.0)
                while time.monotonic() < deadline:
                    now = counted(live)
                    assert all(now.get(series, 0) >= total for series, total in before.items())
                    before = now
                live.stop(signal.SIGKILL)
                live.start()
            wait_for(lambda: all(sender.acknowledged > 50 for sender in senders))
        totals = counted(live)
        assert all(totals[series] >= total for series, total in before.items())
        for sender in senders:
            service = f"sender-{sender.name}"
            total = totals["http_requests_total", service]
            assert sender.acknowledged <= total <= sender.acknowledged + MAX_UNKNOWN
            assert totals["http_request_duration_seconds_count", service] == total
            assert stored_numbers(tmp_path, service) == list(range(1, int(total) + 1))
        assert live.stop() == 0


def stored_numbers(tmp_path, service):
    numbers = []
    for segment in sorted((tmp_path / "data" / "journal").iterdir()):
        for text in segment.read_bytes().splitlines():
            event = json.loads(text)
            if event.get("service") == service:
                numbers.append(int(event["correlation_id"].rpartition("-")[2]))
    return numbers


def wait_for(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.fault(29)
def test_sigterm_under_load_exits_0_and_loses_nothing(tmp_path):
    with LiveService(tmp_path / "data") as live, sending(live, 1) as (sender,):
        wait_for(lambda: sender.acknowledged > 100)
        assert live.stop() == 0
        assert "stopped: all that was acknowledged is on disk" in live.log[-1]
    with LiveService(tmp_path / "data") as live:
        total = counted(live)["http_requests_total", "sender-0"]
        assert sender.acknowledged <= total <= sender.acknowledged + MAX_UNKNOWN


@pytest.mark.fault(29, 30)
def test_sigterm_does_not_wait_for_a_body_that_never_comes_whole(tmp_path):
    with LiveService(tmp_path / "data") as live:
        port = int(live.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n")
            client.sendall(b"Content-Length: 100\r\n\r\nabc")
            assert live.get("/health").status == 200  # the half body was read by then
            live.process.send_signal(signal.SIGTERM)
            assert client.recv(1000).startswith(b"HTTP/1.1 503")
        assert live.process.wait(10) == 0
        wait_for(lambda: "stopped" in live.log[-1])
        assert not any("Traceback" in text for text in live.log)


@pytest.mark.fault(13)
def test_second_service_on_the_folder_is_refused_with_73(tmp_path):
    with LiveService(tmp_path / "data") as live:
        second = LiveService(tmp_path / "data")
        with pytest.raises(RuntimeError, match=f"locked by pid {live.process.pid}"):
            second.start()
        assert second.process.wait() == 73
        assert live.get("/ready").status == 200


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (("--rules", "absent.yaml"), {}, 78, "absent.yaml"),
        (("--listen", "0.0.0.0:0"), {}, 78, "LOGWEIR_INGEST_TOKENS"),
        (("--listen", "nowhere"), {}, 78, "HOST:PORT"),
        ((), {"LOGWEIR_INGEST_TOKENS": "no-service"}, 78, "TOKEN=SERVICES"),
        ((), {"ENABLE_METRICS": "perhaps"}, 78, "ENABLE_METRICS"),
        (("--no-such-option",), {}, 64, "--no-such-option"),
    ],
)
def test_what_an_operator_can_mend_is_one_line_and_an_exit_code(
    tmp_path, arguments, environment, code, words
):
    service = LiveService(tmp_path / "data", *arguments, environment=environment)
    with pytest.raises(RuntimeError, match="did not start"):
        service.start()
    assert service.process.wait() == code
    assert words in service.log[-1]
    assert not any("Traceback" in text for text in service.log)


def test_malformed_dsn_is_one_line_and_the_service_runs_without_sentry(tmp_path):
    with LiveService(tmp_path / "data", environment={"SENTRY_DSN": "not a dsn"}) as live:
        assert live.get("/ready").status == 200
        assert sum("errors are not promoted" in text for text in live.log) == 1
        assert not (tmp_path / "data" / "checkpoints" / "promote.cursor").exists()
        assert live.stop() == 0
