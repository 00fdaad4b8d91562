"""Senders that behave as a shipper does, and what a service made of what they sent."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.live import LiveService


def request_line(service: str, number: int, **fields: object) -> bytes:
    """The event of a request; its correlation id tells its number."""
    event = {
        "event": "http.request",
        "service": service,
        "level": "info",
        "timestamp": "2026-09-21T14:13:20.000000Z",
        "correlation_id": f"{service}-{number}",
        "http_request_method": "GET",
        "http_route": "/",
        "http_response_status_code": 200,
        "duration_seconds": 0.02,
        **fields,
    }
    return json.dumps(event).encode() + b"\n"


@dataclass
class Sender:
    """One stream: sends body after body, each until it is acknowledged."""

    live: LiveService
    service: str
    per_body: int = 20
    """Events of a body."""
    padding: str = ""
    """Makes every event larger."""
    acknowledged: int = 0
    """The last number that a 2xx covered."""
    duplicate: int = 0
    """How many of them the service had when they came again."""
    unanswered: int = 0
    """Bodies that went without an answer."""
    gives_up: bool = False
    refused: list[urllib3.BaseHTTPResponse] = field(default_factory=list)
    stream: str = field(default_factory=lambda: str(uuid4()))

    def body(self, first: int, count: int) -> bytes:
        more = {"message": self.padding} if self.padding else {}
        return b"".join(request_line(self.service, n, **more) for n in range(first, first + count))

    def post(self, first: int, count: int) -> urllib3.BaseHTTPResponse:
        return self.live.post(self.body(first, count), Logweir_Stream=self.stream, Logweir_Seq=str(first))

    def send(self) -> bool:
        """Try the next body once; whether it was acknowledged."""
        try:
            answer = self.post(self.acknowledged + 1, self.per_body)
        except urllib3.exceptions.HTTPError:
            self.unanswered += 1
            return False
        if answer.status != 200:
            assert answer.status in (429, 503), answer.data
            self.refused.append(answer)
            return False
        receipt = answer.json()
        assert receipt["accepted"] + receipt["duplicate"] == self.per_body, receipt
        self.acknowledged += self.per_body
        self.duplicate += receipt["duplicate"]
        return True

    def run(self, stopping: threading.Event) -> None:
        """Send until told to stop, and then until the last body is acknowledged too."""
        while not stopping.is_set():
            deadline = time.monotonic() + 60
            while not self.send() and not self.gives_up:
                assert time.monotonic() < deadline, "the last body is never acknowledged"
                time.sleep(0.02)


@contextmanager
def sending(live: LiveService, count: int, **options: object) -> Iterator[list[Sender]]:
    """Senders at work for as long as the context lasts; after it, everything sent is acknowledged."""
    stopping = threading.Event()
    senders = [Sender(live, f"sender-{number}", **options) for number in range(count)]  # type: ignore[arg-type]
    threads = [threading.Thread(target=sender.run, args=(stopping,), daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    except BaseException:
        for sender in senders:
            sender.gives_up = True
        raise
    finally:
        stopping.set()
        for thread in threads:
            thread.join(60)


def must_hold(live: LiveService, *senders: Sender) -> None:
    """Nothing acknowledged is lost, nothing is stored or counted twice."""
    acknowledged = {sender.service: sender.acknowledged for sender in senders if sender.acknowledged}
    assert requests(live) == acknowledged
    assert stored(live.data) == {service: list(range(1, last + 1)) for service, last in acknowledged.items()}


def samples(live: LiveService) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of all that a scrape shows."""
    answer = live.get("/metrics")
    assert answer.status == 200, answer.data
    for family in text_string_to_metric_families(answer.data.decode()):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def total(live: LiveService, name: str) -> float:
    """The sum of a metric's series."""
    return sum(value for found, _, value in samples(live) if found == name)


def requests(live: LiveService) -> dict[str, int]:
    """``http_requests_total`` by service."""
    found: Counter[str] = Counter()
    for name, labels, value in samples(live):
        if name == "http_requests_total":
            found[labels["service"]] += int(value)
    return dict(found)


def stored(data: Path) -> dict[str, list[int]]:
    """The numbers that the journal's files hold of each service, in order."""
    found: dict[str, list[int]] = {}
    for segment in sorted((data / "journal").glob("*.ndjson")):
        for line in segment.read_bytes().splitlines():
            event = json.loads(line)
            if event.get("event") == "http.request":
                found.setdefault(event["service"], []).append(int(event["correlation_id"].rpartition("-")[2]))
    return {service: sorted(numbers) for service, numbers in found.items()}


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
