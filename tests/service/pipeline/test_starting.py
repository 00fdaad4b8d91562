"""While the journal is read, every door that needs it says so."""

import asyncio
import logging
import socket
import threading

import httpx
import pytest

from logweir_service.app import compose, http, running
from logweir_service.disk import Disk
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings
from tests.end_to_end.live import LiveService

from .living import line, living, request


class HeldDisk(Disk):
    """Holds the recovery up where it makes its first checkpoint durable."""

    def __init__(self):
        self.reached = threading.Event()
        self.going_on = threading.Event()

    def replace(self, old, new):
        if new.suffix == ".checkpoint":
            self.reached.set()
            assert self.going_on.wait(20)
        super().replace(old, new)


async def answers(client):
    async def post():
        return await client.post(
            "/v1/events", content=line(), headers={"content-type": "application/x-ndjson"}
        )

    paths = ("/health", "/ready", "/metrics", "/v1/events?correlation_id=c1")
    return {"ingest": await post(), **{path.partition("?")[0]: await client.get(path) for path in paths}}


@pytest.mark.fault(45)
def test_until_the_journal_is_read_only_health_is_well_and_then_everything_is(tmp_path):
    settings = Settings(LOGWEIR_DATA=tmp_path / "data")

    async def seed(pipeline):
        await pipeline.submit(Delivery(request()))

    living(settings, seed)
    disk = HeldDisk()

    async def run():
        service = compose(settings, disk=disk)
        transport = httpx.ASGITransport(http(service))
        ready = asyncio.Event()

        async def live():
            async with running(service):
                ready.set()
                await over.wait()

        over = asyncio.Event()
        living_task = asyncio.create_task(live())
        async with httpx.AsyncClient(transport=transport, base_url="http://logweir") as client:
            await asyncio.to_thread(disk.reached.wait, 20)
            before = await answers(client)
            disk.going_on.set()
            await asyncio.wait_for(ready.wait(), 20)
            after = await answers(client)
        over.set()
        await living_task
        return before, after

    before, after = asyncio.run(run())
    assert {path: answer.status_code for path, answer in before.items()} == {
        "ingest": 503,
        "/health": 200,
        "/ready": 503,
        "/metrics": 503,
        "/v1/events": 503,
    }
    for path in ("ingest", "/metrics", "/v1/events"):
        assert before[path].json()["error"] == "starting"
        assert 1 <= int(before[path].headers["retry-after"]) <= 10
    assert "starting: the journal is being read" in before["/ready"].text
    assert {answer.status_code for answer in after.values()} == {200}
    assert "http_requests_total{" in after["/metrics"].text


def test_log_says_where_in_the_journal_a_start_began(tmp_path, caplog):
    caplog.set_level(logging.INFO, "logweir_service")
    settings = Settings(LOGWEIR_DATA=tmp_path / "data")

    async def submit(pipeline):
        await pipeline.submit(Delivery(request()))

    async def nothing(pipeline):
        pass

    for use in (nothing, submit, nothing):
        living(settings, use)
    begun = [line.partition("batches from ")[2].partition(" on)")[0] for line in caplog.messages]
    assert [each for each in begun if each] == ["the beginning", "the beginning", "commit 2"]


def test_address_in_the_log_can_be_opened_also_with_ipv6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with LiveService(tmp_path / "data", "--listen", "[::1]:0") as live:
        assert live.url.startswith("http://[::1]:")
        assert live.get("/health").status == 200
