"""A sender that misbehaves is counted each time and named once a minute; a crowd of them costs little."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.app import compose, http, running
from logweir_service.ingest import Refusals
from logweir_service.ingest.brake import Brake
from logweir_service.settings import Settings

pytestmark = pytest.mark.fault(31)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock, caplog: pytest.LogCaptureFixture) -> Refusals:
    caplog.set_level("INFO", "logweir_service.ingest")
    return Refusals(lambda status, code: None, clock=clock, max_senders=3)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


def test_a_sender_is_named_once_a_minute_with_the_number_of_those_held_back(
    refusals: Refusals, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        refusals.tell("10.0.0.1", "400 invalid_http")
        clock.now += 10
    refusals.tell("10.0.0.2", "hung up")
    assert told(caplog) == ["a sender at 10.0.0.1: 400 invalid_http", "a sender at 10.0.0.2: hung up"]
    clock.now += 10
    refusals.tell("10.0.0.1", "408 too_slow")
    assert told(caplog) == ["a sender at 10.0.0.1: 408 too_slow; 4 more before"]


def test_what_was_held_back_is_told_though_the_sender_is_gone(
    refusals: Refusals, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        refusals.tell("10.0.0.1", "hung up")
    clock.now += 60
    refusals.tell("10.0.0.2", "hung up")
    assert told(caplog)[1:] == [
        "a sender at 10.0.0.2: hung up",
        "a sender at 10.0.0.1: 2 more requests were refused",
    ]
    clock.now += 59
    refusals.tell("10.0.0.1", "hung up")
    assert told(caplog) == []


def test_more_senders_than_can_be_told_apart_share_one_line_and_no_memory(
    refusals: Refusals, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        refusals.tell(f"10.0.1.{number}", "hung up")
    assert len(told(caplog)) == 4
    assert len(refusals._brake._quiet) == 4
    clock.now += 60
    refusals.tell("10.0.0.1", "hung up")
    assert told(caplog) == [
        "a sender at 10.0.0.1: hung up; 996 more before",
    ]
    refusals.tell("10.0.0.2", "hung up")
    assert told(caplog) == ["a sender at 10.0.0.2: hung up"]


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 100)), max_size=60))
def test_no_address_is_named_twice_in_a_minute(steps: list[tuple[int, float]]) -> None:
    clock, named = Clock(), []

    class Noted(Brake):
        def _begin(self, key: tuple[str, str], now: float) -> int:
            named.append((key, now))
            return super()._begin(key, now)

    brake = Noted(lambda line: None, others="others", clock=clock, max_subjects=3)
    for sender, seconds in steps:
        brake.tell(str(sender), "hung up", kind="requests")
        clock.now += seconds
    for key in {key for key, _ in named}:
        times = [now for each, now in named if each == key]
        assert all(later - earlier >= 60 for earlier, later in pairwise(times))
    assert len(brake._quiet) <= 4


def test_a_crowd_that_meets_a_start_is_told_to_come_back_at_different_times(tmp_path: Path) -> None:
    service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(http(service))
        kind = {"content-type": "application/x-ndjson"}
        async with httpx.AsyncClient(transport=transport, base_url="http://l") as client:
            return [
                *[await client.post("/v1/events", content=b"{}", headers=kind) for _ in range(60)],
                *[await client.get("/metrics") for _ in range(60)],
            ]

    answers = asyncio.run(run())
    service.pipeline.close()
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(503, "starting")}
    for some in (answers[:60], answers[60:]):
        assert {answer.headers["retry-after"] for answer in some} == {"2", "3", "4"}


def test_refused_bodies_are_all_counted_and_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "logweir_service.ingest")
    service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))

    async def run() -> str:
        transport = httpx.ASGITransport(http(service))
        async with running(service), httpx.AsyncClient(transport=transport, base_url="http://l") as client:
            caplog.clear()
            for kind in ("text/plain", "application/x-ndjson", "application/json"):
                await client.post("/v1/events", content=b" ", headers={"content-type": kind})
            lines = told(caplog)
            assert (len(lines), "415 unknown_type" in lines[0]) == (1, True)
            return (await client.get("/metrics")).text

    metrics = asyncio.run(run())
    assert 'logweir_ingest_requests_total{code="unknown_type",status="415"} 1.0' in metrics
    assert 'logweir_ingest_requests_total{code="empty_body",status="400"} 2.0' in metrics
