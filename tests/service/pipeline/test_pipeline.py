import asyncio
import errno
import json
import os
import threading
from typing import Any

import pytest

from logweir_service.app import compose, running, serve
from logweir_service.errors import Refusal, StorageBroken
from logweir_service.find import Asked
from logweir_service.find.index.active import Stretch
from logweir_service.limits import Limits
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings


def line(**fields):
    event = {
        "event": "a.b",
        "service": "shop",
        "level": "info",
        "timestamp": "2026-09-21T14:13:20Z",
        **fields,
    }
    return json.dumps(event).encode() + b"\n"


@pytest.fixture
def settings(tmp_path):
    return Settings(LOGWEIR_DATA=tmp_path / "data")


def with_pipeline(settings, use):
    async def run():
        service = compose(settings)
        async with running(service):
            return await use(service.pipeline)

    return asyncio.run(run())


def fail(error_number):
    def failing(*_):
        raise OSError(error_number, os.strerror(error_number))

    return failing


def test_log_says_once_that_events_are_refused_and_once_that_they_are_taken_again(
    settings, monkeypatch, caplog
):
    async def use(pipeline):
        with monkeypatch.context() as patch:
            patch.setattr(os, "writev", fail(errno.ENOSPC))
            for _ in range(3):
                with pytest.raises(Refusal):
                    await pipeline.submit(Delivery(line()))
        for _ in range(3):
            await pipeline.submit(Delivery(line()))

    with_pipeline(settings, use)
    told = [record.message for record in caplog.records if record.message.startswith("events are")]
    assert len(told) == 2
    assert "full" in told[0]
    assert told[1] == "events are taken again"


def test_full_disk_refuses_the_group_and_the_next_one_is_taken(settings, monkeypatch):
    async def use(pipeline):
        monkeypatch.setattr(os, "writev", fail(errno.ENOSPC))
        with pytest.raises(Refusal) as refusal:
            await pipeline.submit(Delivery(line(n=1)))
        monkeypatch.undo()
        receipt = await pipeline.submit(Delivery(line(n=2)))
        return refusal.value, receipt, pipeline.journal.last_lsn

    refusal, receipt, last_lsn = with_pipeline(settings, use)
    assert (refusal.status, refusal.code, refusal.retry_after_seconds) == (503, "disk_full", 30)
    assert (receipt.accepted, last_lsn) == (1, 1)


def test_refused_group_moves_no_mark_and_counts_nothing(settings, monkeypatch):
    stream: dict[str, Any] = {"stream": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "seq": 1}
    request = line(
        event="http.request", http_route="/", http_request_method="GET", http_response_status_code=200
    )

    async def use(pipeline):
        monkeypatch.setattr(os, "writev", fail(errno.EIO))
        with pytest.raises(Refusal):
            await pipeline.submit(Delivery(request, **stream))
        before = pipeline.numbers.derivation.expose(openmetrics=False)
        monkeypatch.undo()
        receipt = await pipeline.submit(Delivery(request, **stream))
        return before, receipt, pipeline.numbers.derivation.expose(openmetrics=False)

    before, receipt, after = with_pipeline(settings, use)
    assert b"http_requests_total{" not in before
    assert (receipt.accepted, receipt.duplicate) == (1, 0)
    assert b"http_requests_total{" in after


def test_failed_fdatasync_refuses_everything_from_then_on_and_stops_the_service(settings, monkeypatch):
    async def use(pipeline):
        stopped = []
        pipeline.on_broken = lambda: stopped.append(True)
        monkeypatch.setattr(os, "fdatasync", fail(errno.EIO))
        submitted = [pipeline.submit(Delivery(line(n=n))) for n in range(3)]
        first = await asyncio.gather(*submitted, return_exceptions=True)
        monkeypatch.undo()
        with pytest.raises(Refusal):
            await pipeline.submit(Delivery(line()))
        errors = pipeline.telemetry.registry.get_sample_value("logweir_journal_write_errors_total")
        assert errors == 1  # however many bodies one group holds
        return stopped, first

    stopped, refusals = with_pipeline(settings, use)
    assert stopped == [True]
    assert [refusal.status for refusal in refusals] == [503] * 3


def test_service_whose_disk_broke_ends_with_that_error(settings, monkeypatch):
    async def broken(service, listener):
        service.pipeline.broken = StorageBroken("the disk broke")
        service.pipeline.close()

    monkeypatch.setattr("logweir_service.app.serving._serve", broken)
    free_port = settings.model_copy(update={"listen": "127.0.0.1:0"})
    with pytest.raises(StorageBroken, match="the disk broke"):
        serve(free_port)


def test_more_than_may_wait_for_the_disk_is_refused(settings):
    async def use(pipeline):
        pipeline.limits = Limits(max_pending_bytes=len(line()) + 10)
        return await asyncio.gather(
            *(pipeline.submit(Delivery(line())) for _ in range(3)), return_exceptions=True
        )

    accepted, *refused = with_pipeline(settings, use)
    assert accepted.accepted == 1
    assert [refusal.code for refusal in refused] == ["overloaded"] * 2


def test_counters_and_marks_are_the_same_after_a_restart(settings):
    stream: dict[str, Any] = {"stream": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "seq": 1}
    body = b"".join(
        line(event="http.request", http_route="/", http_response_status_code=200, duration_seconds=n / 100)
        for n in range(50)
    )

    async def first(pipeline):
        await pipeline.submit(Delivery(body, **stream))
        return pipeline.numbers.derivation.expose(openmetrics=True)

    async def second(pipeline):
        restored = pipeline.numbers.derivation.expose(openmetrics=True)
        return restored, await pipeline.submit(Delivery(body, **stream))

    before = with_pipeline(settings, first)
    restored, receipt = with_pipeline(settings, second)
    assert restored == before
    assert b"http_request_duration_seconds_sum" in before
    assert (receipt.accepted, receipt.duplicate, receipt.next_seq) == (0, 50, 51)


def test_concurrent_bodies_share_a_group_and_each_gets_its_own_receipt(settings):
    async def use(pipeline):
        bodies = [line(n=n) * (n + 1) for n in range(20)]
        receipts = await asyncio.gather(*(pipeline.submit(Delivery(body)) for body in bodies))
        return [receipt.accepted for receipt in receipts], pipeline.journal.last_lsn

    assert with_pipeline(settings, use) == ([*range(1, 21)], 20)


def test_fault_of_its_own_ends_the_service_instead_of_leaving_senders_without_an_answer(
    settings, monkeypatch
):
    async def use(pipeline):
        stopped = []
        pipeline.on_broken = lambda: stopped.append(True)
        monkeypatch.setattr(pipeline.numbers.derivation, "apply", fail(errno.EDOM))
        refusals = await asyncio.gather(
            *(pipeline.submit(Delivery(line(n=n))) for n in range(3)), return_exceptions=True
        )
        return stopped, refusals

    stopped, refusals = with_pipeline(settings, use)
    assert stopped == [True]
    assert [refusal.status for refusal in refusals] == [503] * 3


def test_fault_while_the_state_is_taken_ends_the_service_instead_of_leaving_senders_without_an_answer(
    settings, monkeypatch
):
    async def use(pipeline):
        stopped = asyncio.Event()
        pipeline.on_broken = stopped.set
        monkeypatch.setattr(pipeline.telemetry, "losses", fail(errno.EDOM))
        pipeline.keeper.last_lsn = -1  # a checkpoint is due at the next look
        pipeline.keeper._not_before = 0.0
        await asyncio.wait_for(stopped.wait(), 20)
        monkeypatch.undo()
        with pytest.raises(Refusal) as refusal:
            await pipeline.submit(Delivery(line()))
        return refusal.value.status

    assert with_pipeline(settings, use) == 503


def test_bodies_that_wait_while_the_disk_breaks_are_refused_too(settings, monkeypatch):
    async def use(pipeline):
        asked = threading.Event()
        release = threading.Event()

        def slow_failure(_):
            asked.set()
            release.wait(10)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fdatasync", slow_failure)
        first = asyncio.create_task(pipeline.submit(Delivery(line(n=1))))
        await asyncio.to_thread(asked.wait, 10)
        second = asyncio.create_task(pipeline.submit(Delivery(line(n=2))))
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    assert [refusal.status for refusal in with_pipeline(settings, use)] == [503, 503]


def test_what_waited_for_the_disk_no_longer_counts_once_it_is_answered(settings):
    async def use(pipeline):
        pipeline.limits = Limits(max_pending_bytes=2 * len(line()))
        for _ in range(5):
            await pipeline.submit(Delivery(line()))
        return pipeline._pending_bytes

    assert with_pipeline(settings, use) == 0


def test_bodies_that_wait_when_the_service_drains_are_committed(settings):
    async def use(pipeline):
        submitted = [asyncio.create_task(pipeline.submit(Delivery(line(n=n)))) for n in range(5)]
        await asyncio.sleep(0)
        pipeline.drain()
        return await asyncio.gather(*submitted)

    assert [receipt.accepted for receipt in with_pipeline(settings, use)] == [1] * 5


def test_end_of_a_stream_alone_is_committed_once(settings):
    stream: dict[str, Any] = {"stream": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}

    async def use(pipeline):
        await pipeline.submit(Delivery(line(), seq=1, **stream))
        for _ in range(2):
            receipt = await pipeline.submit(Delivery(b'{"_closed":{}}\n', seq=2, **stream))
        return receipt, pipeline.journal.last_lsn

    receipt, last_lsn = with_pipeline(settings, use)
    assert (receipt.accepted, receipt.duplicate, receipt.next_seq, last_lsn) == (0, 0, 2, 2)


def test_numbers_beyond_what_json_can_say_are_refused(settings):
    async def use(pipeline):
        body = b'{"_lost":{"count":9007199254740991}}\n' * 3
        with pytest.raises(Refusal) as refusal:
            await pipeline.submit(Delivery(body, stream="1b4e28ba-2fa1-11d2-883f-0016d3cca427", seq=1))
        return refusal.value

    assert with_pipeline(settings, use).code == "invalid_identity"


def test_story_is_found_by_the_index_live_and_after_a_restart(settings):
    async def first(pipeline):
        await pipeline.submit(Delivery(line(correlation_id="c1") + line(correlation_id="c2")))
        return pipeline.index.look_up(pipeline.journal.position.segment_first_lsn, "c1")

    async def second(pipeline):
        return pipeline.index.look_up(pipeline.journal.position.segment_first_lsn, "c1")

    live, again = with_pipeline(settings, first), with_pipeline(settings, second)
    assert len(live) == 1
    assert again[0] == Stretch(0, again[0].end)  # what the checkpoint covers may hold any id


def test_search_reads_all_segments_before_the_one_that_a_reset_begins(settings):
    async def fill(pipeline):
        await pipeline.submit(Delivery(line(correlation_id="one")))

    async def look_up(pipeline):
        return pipeline.index.look_up(pipeline.journal.position.segment_first_lsn, "one")

    with_pipeline(settings, fill)

    async def run():
        service = compose(settings, reset_counters=True)
        async with running(service):
            return await look_up(service.pipeline), await service.looking(Asked("one"))

    stretches, story = asyncio.run(run())
    assert stretches == []
    assert len(story.events) == 1
