"""What is derived from events equals what an in-process metrics client counts in the same applications."""

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.in_process import PATH
from deploy.demo.program import Program, application, environment, running
from deploy.demo.traffic import UNPOOLED, Tally, shop
from tests.end_to_end.live import LiveService

Series = Counter[tuple[str, ...]]
"""Values by method, endpoint, and for requests by status too."""

KILLS = 3
REQUESTS = 150
"""How many are answered before the next thing happens."""

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
ODD_REQUESTS = [
    ("HEAD", "/products"),  # 405, as FastAPI adds no HEAD to a GET
    ("DELETE", "/products/1"),
    ("OPTIONS", "/checkout"),
    ("PROPFIND", "/products"),
    ("GET", "/products/"),  # redirected to the path without the slash
    ("GET", "/products/3/"),
    ("GET", "/nowhere"),
    ("POST", "/nowhere/at/all?page=2"),
    ("GET", "//"),
    ("GET", "/products/%2e%2e"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/cart"),  # 422, the header that says who asks is missing
    ("POST", "/checkout"),
]


def test_derived_numbers_equal_in_process_ones_series_by_series(tmp_path: Path) -> None:
    async def drive() -> Applications:
        async with applications(live) as apps, traffic(apps):
            await asyncio.gather(*(ask_oddly(apps) for _ in range(3)), give_up(apps), break_off(apps))
            await apps.answered(2 * REQUESTS)
        return apps

    with LiveService(tmp_path / "data") as live:
        must_agree(live, asyncio.run(drive()))


def test_derived_numbers_equal_in_process_ones_when_the_service_is_killed_under_traffic(
    tmp_path: Path,
) -> None:
    async def drive() -> Applications:
        async with applications(live) as apps, traffic(apps):
            for _ in range(KILLS):
                await apps.answered(REQUESTS)
                await asyncio.to_thread(live.stop, signal.SIGKILL)
                await apps.answered(REQUESTS)
                await asyncio.to_thread(live.start)
            await apps.answered(REQUESTS)
        return apps

    with LiveService(tmp_path / "data") as live:
        apps = asyncio.run(drive())
        assert all(apps.retries.values()), "the kills were not felt"
        must_agree(live, apps)


@dataclass
class Applications:
    """Both example services, instrumented in process."""

    shop: Program
    payments: Program
    tally: Tally = field(default_factory=Tally)
    counted: dict[str, tuple[Series, Series]] = field(default_factory=dict)
    """By service: requests and observations in process, read when all traffic was over."""
    retries: dict[str, int] = field(default_factory=dict)

    async def answered(self, requests: int) -> None:
        """Wait until the shop has answered so many more requests."""
        goal, deadline = self.tally.requests + requests, time.monotonic() + 60
        while self.tally.requests < goal:
            assert time.monotonic() < deadline, self.tally
            await asyncio.sleep(0.01)

    async def read(self) -> None:
        """Take down what each application says of itself, once it serves nobody any more."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            for name, program in (("shop", self.shop), ("payments", self.payments)):
                self.counted[name] = await in_process(client, program.url)
                health = (await client.get(f"{program.url}/health")).json()
                self.retries[name] = health["events"]["retries"]


@asynccontextmanager
async def applications(live: LiveService) -> AsyncIterator[Applications]:
    """Start them; read their numbers at the end, and stop them by SIGTERM, on which they flush."""
    payments_command = application("deploy.demo.in_process:payments", "--factory")
    shop_command = application("deploy.demo.in_process:shop", "--factory")
    async with running("payments", payments_command, environment(LOGWEIR_URL=live.url)) as payments:
        more = environment(LOGWEIR_URL=live.url, PAYMENTS_URL=payments.url)
        async with running("shop", shop_command, more) as front:
            apps = Applications(front, payments)
            yield apps
            await apps.read()
    assert front.process.returncode == payments.process.returncode == -signal.SIGTERM


@asynccontextmanager
async def traffic(apps: Applications) -> AsyncIterator[None]:
    """Shoppers, for as long as the block lasts; then they hang up in the middle of what they do."""
    async with asyncio.TaskGroup() as group:
        shoppers = group.create_task(shop(apps.shop.url, apps.tally, pause_seconds=0.02))
        yield
        shoppers.cancel()


async def ask_oddly(apps: Applications) -> None:
    """Make requests that each instrument could see in a way of its own."""
    async with httpx.AsyncClient(
        base_url=apps.shop.url, trust_env=False, timeout=10, limits=UNPOOLED
    ) as client:
        for method, path in ODD_REQUESTS:
            await client.request(method, path)


async def give_up(apps: Applications) -> None:
    """Hang up while the shop waits for payments and these for the bank; both finish the request."""
    headers = {"X-User": "impatient"}
    async with httpx.AsyncClient(base_url=apps.shop.url, headers=headers, trust_env=False) as client:
        await client.post("/cart/items", json={"product_id": 2})
        with suppress(httpx.ReadTimeout):
            await client.post("/checkout", json={"card_last4": "1881"}, timeout=0.2)
            raise AssertionError("the bank was too fast")


async def break_off(apps: Applications) -> None:
    """Hang up in the middle of a request's body."""
    host, port = apps.shop.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /cart/items HTTP/1.1\r\nHost: shop\r\nX-User: u\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.1)  # there is no way to see from outside that the application has begun to read
    writer.close()
    await writer.wait_closed()


async def in_process(client: httpx.AsyncClient, url: str) -> tuple[Series, Series]:
    """Requests and observations as the application's own metrics have them, once no request is on its way.

    The page that we read does not yet count the request that reads it: that one is added.
    """
    deadline = time.monotonic() + 10
    while True:
        requests, observations, in_progress = parsed((await client.get(url + PATH)).text)
        if in_progress == 1:
            break
        assert time.monotonic() < deadline, f"{in_progress} requests are still in progress"
        await asyncio.sleep(0.05)
    requests["GET", PATH, "200"] += 1
    observations["GET", PATH] += 1
    return requests, observations


def parsed(text: str) -> tuple[Series, Series, int]:
    """The client's page, in our words: three differences are of naming, and one is asked for."""
    requests, observations, in_progress = Series(), Series(), 0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "http_requests_inprogress":
                in_progress = int(sample.value)
            if labels.get("handler") in (None, "/health"):  # the applications tell Logweir to skip it
                continue
            endpoint = "unmatched" if labels["handler"] == "none" else labels["handler"]
            # A redirected path is a series of its own there, however many products there are.
            endpoint = re.sub(r"^/products/\d+/$", "/products/{product_id}/", endpoint)
            # There anybody can make series by inventing methods.
            method = labels["method"] if labels.get("method") in METHODS else "OTHER"
            if sample.name == "http_requests_total":
                requests[method, endpoint, labels["status"]] += int(sample.value)
            if sample.name == "http_request_duration_seconds_count":
                observations[method, endpoint] += int(sample.value)
    return requests, observations, in_progress


def must_agree(live: LiveService, apps: Applications) -> None:
    """Compare every series; both applications are stopped, so that everything has been sent."""
    samples = [
        sample
        for family in text_string_to_metric_families(live.get("/metrics").data.decode())
        for sample in family.samples
    ]
    derived = {service: (Series(), Series()) for service in apps.counted}
    for sample in samples:
        labels = sample.labels
        if sample.name == "http_requests_total":
            key = labels["method"], labels["endpoint"], labels["status"]
            derived[labels["service"]][0][key] += int(sample.value)
        if sample.name == "http_request_duration_seconds_count":
            derived[labels["service"]][1][labels["method"], labels["endpoint"]] += int(sample.value)
    assert derived == apps.counted
    for requests, observations in derived.values():
        assert requests.total() == observations.total() > REQUESTS / 10
    for name in ("lost", "rejected"):
        assert not sum(each.value for each in samples if each.name == f"logweir_events_{name}_total"), name
