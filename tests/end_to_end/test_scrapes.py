"""Whoever scrapes, however often and whenever: whole and never lower than before, or 503 while it starts."""

import signal
import socket
import threading
from dataclasses import dataclass, field

import pytest
import urllib3
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import Sender, must_hold, request_line, sending, wait_for

FIFTY = 50
ROUTES = 150
OPENMETRICS = {"Accept": "application/openmetrics-text"}


@dataclass
class Scraper:
    """Scrapes again and again, as often as a person who is curious."""

    live: LiveService
    starting: int = 0
    pages: list[bytes] = field(default_factory=list)
    """What it got, each page as it came."""
    faults: list[str] = field(default_factory=list)

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(0.2):
            try:
                answer = self.live.get("/metrics", **OPENMETRICS)
            except urllib3.exceptions.ProtocolError as error:
                if "IncompleteRead" in str(error):
                    self.faults.append(f"a page ended too early: {error}")
                continue
            except urllib3.exceptions.HTTPError:
                continue  # nobody listens
            if answer.status == 200:
                self.pages.append(answer.data)
            elif answer.status == 503:
                self.starting += 1
            else:
                self.faults.append(f"{answer.status}: {answer.data!r}")


def counters(page):
    """Every derived counter and bucket of a page, which must be whole."""
    assert page.endswith(b"# EOF\n")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        if family.name.startswith("http_") and family.type in ("counter", "histogram")
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def must_only_rise(pages):
    before: dict[tuple[object, ...], float] = {}
    for page in pages:
        now = counters(page)
        assert {series for series, value in before.items() if now.get(series, -1.0) < value} == set()
        before = now


@pytest.mark.fault(45)
def test_fifty_scrapers_see_whole_pages_that_only_rise_through_restarts(tmp_path):
    stopping = threading.Event()
    with LiveService(tmp_path / "data") as live:
        live.http = urllib3.PoolManager(retries=False, timeout=10, maxsize=FIFTY + 10)
        scrapers = [Scraper(live) for _ in range(FIFTY)]
        threads = [threading.Thread(target=scraper.run, args=(stopping,)) for scraper in scrapers]
        for number in range(20):  # so that to read the journal anew takes a while
            body = b"".join(request_line("many", 1000 * number + n) for n in range(1, 1001))
            assert live.post(body).json()["accepted"] == 1000
        with sending(live, 2) as senders:
            for thread in threads:
                thread.start()
            for end in (signal.SIGKILL, signal.SIGTERM):
                wait_for(lambda: all(len(scraper.pages) > 1 for scraper in scrapers))
                live.stop(end)
                for checkpoint in (live.data / "checkpoints").glob("*.checkpoint"):
                    checkpoint.unlink()
                live.start()
            seen = {id(scraper): len(scraper.pages) for scraper in scrapers}
            wait_for(lambda: all(len(scraper.pages) > seen[id(scraper)] for scraper in scrapers))
            stopping.set()
            for thread in threads:
                thread.join(30)
        must_hold(live, *senders, Sender(live, "many", acknowledged=20_000))
    assert [fault for scraper in scrapers for fault in scraper.faults] == []
    for scraper in scrapers[:5]:  # to parse the pages of all takes longer than to serve them
        must_only_rise(scraper.pages)
    for scraper in scrapers:
        assert counters(scraper.pages[-1])
        assert all(page.endswith(b"# EOF\n") for page in scraper.pages)


def must_go_on(senders):
    goal = max(sender.acknowledged for sender in senders)
    wait_for(lambda: all(sender.acknowledged > goal for sender in senders), seconds=10)


@pytest.mark.fault(45)
def test_scraper_that_reads_slowly_holds_up_nobody_and_gets_a_whole_page(tmp_path):
    with LiveService(tmp_path / "data") as live, sending(live, 2) as senders, socket.socket() as slow:
        many = b"".join(request_line("many", number, http_route=f"/{number}") for number in range(ROUTES))
        assert live.post(many).json()["accepted"] == ROUTES
        wait_for(lambda: all(sender.acknowledged for sender in senders))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slow.connect(("127.0.0.1", int(live.url.rpartition(":")[2])))
        slow.settimeout(10)
        slow.sendall(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nConnection: close\r\n\r\n"
            % OPENMETRICS["Accept"].encode()
        )
        answer = b""
        for _ in range(20):
            answer += slow.recv(1)
            must_go_on(senders)
            assert live.get("/metrics").status == 200
        while data := slow.recv(1 << 16):
            answer += data
    page = answer.partition(b"\r\n\r\n")[2]
    routes = {
        dict(labels).get("endpoint") for name, *labels in counters(page) if name == "http_requests_total"
    }
    assert routes == {"/", *(f"/{number}" for number in range(ROUTES))}
