from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from logweir_service.app import compose, http, running
from logweir_service.decode import Turns
from logweir_service.derive import Derivation
from logweir_service.pipeline import Delivery, Pipeline
from logweir_service.pipeline.moments import Moments
from logweir_service.pipeline.scrapes import Scrapes, Writing, written
from logweir_service.rules import LabelRule, MetricRule, RuleSet
from logweir_service.settings import Settings
from tests.service.derive.events import RECEIVED, decoded

from .living import line, living, request

RULES = RuleSet(
    metrics=(
        MetricRule(
            name="things_total",
            type="counter",
            help="",
            events=("x.a",),
            labels=(LabelRule(name="x", fields=("a",)),),
            max_series=100_000,
            max_label_values=100_000,
        ),
    )
)
SERIES = 20_000

Result = TypeVar("Result")


class Stage:
    """A derivation with many series, its scrapes, and the steps that each page took."""

    def __init__(self) -> None:
        self.derivation = Derivation(RULES)
        self.derivation.apply(decoded(RULES, [{"a": f"é{number}"} for number in range(SERIES)]), RECEIVED)
        self.moments = Moments()
        # a clock that lets each turn have one step
        self.scrapes = Scrapes(self.look, self.moments, Turns(seconds=1.5, clock=count().__next__))
        self.steps: list[int] = []

    def look(self, *, openmetrics: bool) -> Writing:
        self.steps.append(0)
        return self._counted(len(self.steps) - 1, openmetrics=openmetrics)

    def expected(self, *, openmetrics: bool = False) -> bytes:
        return self.derivation.expose(openmetrics=openmetrics) + b"own 1\n"

    def _counted(self, number: int, *, openmetrics: bool) -> Writing:
        steps = written(self.derivation.view(openmetrics=openmetrics), b"own 1\n")
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return list(end.value)
            self.steps[number] += 1
            yield


def run(use: Callable[[Stage], Awaitable[Result]]) -> Result:
    async def with_stage() -> Result:
        return await asyncio.wait_for(use(Stage()), 60)

    return asyncio.run(with_stage())


async def page(stage: Stage, *, openmetrics: bool = False, zipped: bool = False) -> bytes:
    return b"".join(await stage.scrapes.page(openmetrics=openmetrics, gzip=zipped))


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_page_reads_the_same_whether_zipped_or_not(openmetrics: bool) -> None:
    async def use(stage: Stage) -> None:
        plain = await page(stage, openmetrics=openmetrics)
        zipped = await page(stage, openmetrics=openmetrics, zipped=True)
        assert plain == gzip.decompress(zipped) == stage.expected(openmetrics=openmetrics)
        assert len(zipped) < len(plain) / 5

    run(use)


def test_the_loop_gets_its_turn_between_all_steps_of_a_page() -> None:
    async def use(stage: Stage) -> None:
        making = asyncio.create_task(page(stage))
        turns = 0
        while not making.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > stage.steps[0] > SERIES / 2500

    run(use)


def test_events_that_are_counted_while_a_page_is_written_are_in_the_next() -> None:
    async def use(stage: Stage) -> None:
        before = stage.expected()
        making = asyncio.create_task(page(stage))
        while not stage.steps or not stage.steps[0]:
            await asyncio.sleep(0)
        stage.derivation.apply(decoded(RULES, [{"a": "é1"}, {"a": "new"}]), RECEIVED + 1)
        assert await making == before
        assert await page(stage) == stage.expected() != before

    run(use)


def test_who_asks_before_the_moment_of_a_page_shares_it_and_who_asks_later_does_not() -> None:
    async def use(stage: Stage) -> None:
        early = [asyncio.create_task(page(stage)) for _ in range(5)]
        while not stage.steps or not stage.steps[0]:
            await asyncio.sleep(0)
        before = stage.expected()
        stage.derivation.apply(decoded(RULES, [{"a": "é1"}]), RECEIVED + 1)
        late = [asyncio.create_task(page(stage)) for _ in range(5)]
        assert [*await asyncio.gather(*early)] == [before] * 5
        assert [*await asyncio.gather(*late)] == [stage.expected()] * 5
        assert len(stage.steps) == 2

    run(use)


def test_pages_are_written_one_after_the_other() -> None:
    async def use(stage: Stage) -> None:
        kinds = [(False, False), (True, False), (False, True)]
        making = [asyncio.create_task(page(stage, openmetrics=om, zipped=zipped)) for om, zipped in kinds]
        earlier: list[list[int]] = []
        while not all(each.done() for each in making):
            earlier.append(stage.steps[:-1])
            await asyncio.sleep(0)
        assert len(stage.steps) == len(kinds)
        assert all(steps == stage.steps[: len(steps)] for steps in earlier)

    run(use)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_page_for_which_nobody_waits_any_more_is_given_up(steps: int) -> None:
    async def use(stage: Stage) -> None:
        others = asyncio.all_tasks()
        asking = [asyncio.create_task(page(stage)) for _ in range(2)]
        while steps and (not stage.steps or stage.steps[0] < steps):
            await asyncio.sleep(0)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        while asyncio.all_tasks() - others:
            await asyncio.sleep(0)
        assert sum(stage.steps) <= steps + 1
        assert await page(stage) == stage.expected()

    run(use)


def test_a_page_that_one_of_two_gives_up_goes_to_the_other() -> None:
    async def use(stage: Stage) -> None:
        gone, stays = (asyncio.create_task(page(stage)) for _ in range(2))
        while not stage.steps or not stage.steps[0]:
            await asyncio.sleep(0)
        gone.cancel()
        assert await stays == stage.expected()
        assert len(stage.steps) == 1

    run(use)


def test_who_looks_while_a_batch_is_counted_waits_for_its_end() -> None:
    async def use(stage: Stage) -> None:
        with stage.moments.counting() as between_batches:
            making = asyncio.create_task(page(stage))
            for _ in range(10):
                await asyncio.sleep(0)
            assert stage.steps == []
            between_batches()
            while stage.steps == [] or not stage.steps[0]:
                await asyncio.sleep(0)
            waiting = asyncio.create_task(stage.moments.look(lambda: 1 / 0))
            await asyncio.sleep(0)
        assert await making == stage.expected()
        with pytest.raises(ZeroDivisionError):
            await waiting

    run(use)


BODY_EVENTS = 3000


def test_every_page_shows_whole_batches_and_metrics_of_the_same_events_agree(tmp_path: Path) -> None:
    settings = Settings(LOGWEIR_DATA=tmp_path / "data")
    body = b"".join(request(duration_seconds=number % 7) for number in range(BODY_EVENTS))
    names = (
        "http_requests_total{",
        "http_request_duration_seconds_count{",
        "logweir_events_accepted_total ",
    )

    async def use(pipeline: Pipeline) -> list[tuple[int, ...]]:
        sending = [asyncio.create_task(pipeline.submit(Delivery(body))) for _ in range(12)]
        seen = []
        while not all(each.done() for each in sending):
            text = b"".join(await pipeline.scrapes.page(openmetrics=False, gzip=False)).decode()
            values = [
                sum(
                    int(float(line.rpartition(" ")[2])) for line in text.splitlines() if line.startswith(name)
                )
                for name in names
            ]
            seen.append(tuple(values))
        return seen

    seen = living(settings, use)
    for requests, observed, accepted in seen:
        assert requests == observed == accepted
        assert requests % BODY_EVENTS == 0
    assert any(0 < requests < 12 * BODY_EVENTS for requests, _, _ in seen)


RULE = """version: 1
metrics:
  - {name: things_total, type: counter, event: http.request, labels: {route: http_route},
     max_series: 20000, max_label_values: 20000}
"""


def test_requests_are_answered_while_a_large_page_is_written(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULE)
    service = compose(Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_RULES=str(rules)))
    service.pipeline.scrapes._turns = Turns(seconds=1.5, clock=count().__next__)

    async def use() -> None:
        transport = httpx.ASGITransport(http(service))
        async with running(service), httpx.AsyncClient(transport=transport, base_url="http://l") as client:
            for start in range(0, 12_000, 4000):
                lines = [
                    line(event="http.request", http_route=f"/{number}")
                    for number in range(start, start + 4000)
                ]
                await service.pipeline.submit(Delivery(b"".join(lines)))
            scrape = asyncio.create_task(client.get("/metrics"))
            answered, sent = 0, []
            while not scrape.done():
                answer = await client.get("/health")
                body = line(event="http.request", http_route="/1")
                sent.append(asyncio.create_task(service.pipeline.submit(Delivery(body))))
                assert answer.status_code == 200
                await asyncio.sleep(0)
                answered += not scrape.done()
            await asyncio.gather(*sent)
            page = (await scrape).text
            assert page.count("\nthings_total{") == 12_000
            assert answered > 50  # one in each turn; in one turn there is time for a few in front of it

    asyncio.run(use())
