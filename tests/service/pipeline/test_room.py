"""A service whose disk fills up, and what it gives back to the disk."""

import asyncio
import errno
import logging
import os
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from logweir_service.app import compose, http, running
from logweir_service.disk import Disk
from logweir_service.errors import Refusal
from logweir_service.journal import Journal
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings

from .living import checkpoint, exposed, line, living, request, settled


class RoomyDisk(Disk):
    """Says how much room there is, and refuses to sync checkpoints while it is told to."""

    def __init__(self):
        self.free = 10**12
        self.refusing = False

    def space(self, path):
        return self.free, 10**12

    def fsync(self, file):
        if self.refusing and Path(f"/proc/self/fd/{file}").readlink().suffixes == [".checkpoint", ".tmp"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().fsync(file)


@pytest.fixture
def disk():
    return RoomyDisk()


@pytest.fixture(autouse=True)
def quick_cursor(monkeypatch):
    """Promotion, which has nothing to do here, looks often for what it may pass over."""
    monkeypatch.setattr("logweir_service.promote.worker.IDLE_SECONDS", 0.02)


@pytest.fixture
def small_segments(monkeypatch):
    """Two commits a segment."""
    monkeypatch.setattr("logweir_service.app.composition.Journal", partial(Journal, max_segment_bytes=400))


def settings_of(tmp_path, **others):
    return Settings(
        LOGWEIR_DATA=tmp_path / "data",
        LOGWEIR_MIN_FREE_BYTES=1000,
        LOGWEIR_BALLAST_BYTES=4096,
        **{"LOGWEIR_CHECKPOINT_SECONDS": 0.05, **others},
    )


def value(pipeline, name, **labels):
    return pipeline.telemetry.registry.get_sample_value(name, labels)


async def send(pipeline, *bodies):
    """Send the bodies; both checkpoints that are kept cover all but the last of them."""
    for body in bodies[:-1]:
        await pipeline.submit(Delivery(body))
    checkpoint(pipeline)
    await pipeline.submit(Delivery(bodies[-1]))
    checkpoint(pipeline)


def stored(pipeline):
    return [batch.lsn for batch in pipeline.journal.batches(0)]


@pytest.mark.fault(9)
def test_full_disk_refuses_events_before_it_is_full_and_nothing_else(tmp_path, disk):
    async def run():
        service = compose(settings_of(tmp_path), disk=disk)
        transport = httpx.ASGITransport(http(service))
        async with (
            running(service),
            httpx.AsyncClient(transport=transport, base_url="http://logweir") as client,
        ):

            async def post():
                return await client.post(
                    "/v1/events", content=request(), headers={"content-type": "application/x-ndjson"}
                )

            async def others():
                return [
                    (await client.get(path)).status_code
                    for path in ("/ready", "/metrics", "/health", "/v1/events?correlation_id=c1")
                ]

            before = await post(), await others()
            disk.free = 999
            size = service.pipeline.journal.size_bytes
            full = await post(), await others(), (await client.get("/ready")).text
            assert value(service.pipeline, "logweir_journal_write_errors_total") == 0
            assert service.pipeline.journal.size_bytes == size
            disk.free = 1000
            return before, full, (await post(), await others())

    before, full, after = asyncio.run(run())
    assert (before[0].status_code, before[1]) == (200, [200] * 4)
    assert (full[0].status_code, full[0].json()["error"]) == (503, "disk_full")
    assert int(full[0].headers["retry-after"]) >= 15
    assert full[1] == [503, 200, 200, 200]
    assert "999 bytes free on" in full[2]
    assert (after[0].status_code, after[1]) == (200, [200] * 4)


@pytest.mark.fault(9)
def test_service_whose_disk_is_full_makes_room_by_itself_and_goes_on(tmp_path, disk, small_segments):
    class Freed(RoomyDisk):
        def unlink(self, path):
            super().unlink(path)
            if path.suffix == ".ndjson":
                self.free += 500

    disk = Freed()

    async def use(pipeline):
        await send(pipeline, *[line()] * 8)
        await settled(lambda: pipeline.keeper.cursor_lsn() >= 8)
        disk.free = 100
        with pytest.raises(Refusal) as refusal:
            await pipeline.submit(Delivery(line()))
        await settled(lambda: disk.free >= 1000)
        receipt = await pipeline.submit(Delivery(line()))
        removed = value(pipeline, "logweir_journal_segments_removed_total", reason="space")
        return refusal.value.code, receipt.accepted, removed, value(pipeline, "logweir_events_lost_total")

    assert living(settings_of(tmp_path), use, disk=disk) == ("disk_full", 1, 2.0, None)


@pytest.mark.fault(10)
def test_checkpoint_without_room_leaves_the_older_one_and_the_service_goes_on(tmp_path, disk):
    settings = settings_of(tmp_path)

    async def use(pipeline):
        await pipeline.submit(Delivery(request()))
        await settled(lambda: pipeline.keeper.last_lsn == 1)
        disk.refusing = True
        await pipeline.submit(Delivery(request()))
        await settled(lambda: (value(pipeline, "logweir_checkpoint_failures_total") or 0) > 0)
        receipt = await pipeline.submit(Delivery(request()))
        names = sorted(path.name for path in (settings.data / "checkpoints").iterdir())
        disk.refusing = False
        await settled(lambda: pipeline.keeper.last_lsn == 3)
        return receipt.accepted, [name for name in names if name.endswith("1.checkpoint")]

    assert living(settings, use, disk=disk) == (1, ["00000000000000000001.checkpoint"])
    assert not [*(settings.data / "checkpoints").glob("*.tmp")]


@pytest.mark.fault(10, 29)
def test_last_checkpoint_that_fails_is_a_warning_and_the_next_start_reads_more(tmp_path, disk, caplog):
    settings = settings_of(tmp_path, LOGWEIR_CHECKPOINT_SECONDS=3600)

    async def use(pipeline):
        await pipeline.submit(Delivery(request()))
        disk.refusing = True

    living(settings, use, disk=disk)
    assert "no last checkpoint could be written" in caplog.text
    assert {record.levelno for record in caplog.records if "checkpoint" in record.message} == {
        logging.WARNING
    }

    async def look(pipeline):
        return [*exposed(pipeline).values()], pipeline.resumed.journal.batches

    assert living(settings, look) == ([1.0], 1)


@pytest.mark.fault(29)
def test_clean_end_leaves_a_checkpoint_of_everything(tmp_path):
    settings = settings_of(tmp_path, LOGWEIR_CHECKPOINT_SECONDS=3600)

    async def use(pipeline):
        await pipeline.submit(Delivery(request()))

    async def look(pipeline):
        return [*exposed(pipeline).values()], pipeline.resumed.journal.batches

    living(settings, use)
    assert living(settings, look) == ([1.0], 0)


def test_oldest_segments_go_beyond_the_bytes_that_are_kept(tmp_path, small_segments):
    settings = settings_of(tmp_path, LOGWEIR_RETENTION_BYTES=900)

    async def use(pipeline):
        await send(pipeline, *[request()] * 12)
        await settled(lambda: stored(pipeline)[0] >= 7)
        await settled(lambda: pipeline.keeper.cursor_lsn() >= 12)
        return stored(pipeline), [*exposed(pipeline).values()]

    found, numbers = living(settings, use)
    assert found[-1] == 12
    assert found == [*range(found[0], 13)]
    assert numbers == [12.0]

    async def look(pipeline):
        return [*exposed(pipeline).values()], pipeline.resumed.reset

    assert living(settings, look) == ([12.0], "")


def test_segments_go_by_the_age_of_their_receipt_also_where_nothing_comes_in(tmp_path, small_segments):
    settings = settings_of(tmp_path)
    now = time.time()

    async def first(pipeline):
        pipeline.clock = lambda: now - 31 * 86_400
        await send(pipeline, *[line(timestamp="2026-01-01T00:00:00Z")] * 4)
        pipeline.clock = time.time
        await send(pipeline, line())
        await settled(lambda: value(pipeline, "logweir_journal_segments_removed_total", reason="age"))
        return stored(pipeline), value(pipeline, "logweir_journal_segments_removed_total", reason="age")

    # the second ends with the segment behind it, which began just now
    assert living(settings, first) == ([3, 4, 5], 1.0)


def test_what_promotion_has_not_read_stays_and_is_measured(tmp_path, small_segments):
    settings = settings_of(
        tmp_path, LOGWEIR_RETENTION_BYTES=100, SENTRY_DSN="not a dsn", LOGWEIR_ON_FULL="drop_oldest"
    )

    async def use(pipeline):
        await send(pipeline, *[line()] * 6)
        await settled(lambda: (value(pipeline, "logweir_journal_held_bytes") or 0) > 0)
        return stored(pipeline)

    assert living(settings, use) == [1, 2, 3, 4, 5, 6]


@pytest.mark.fault(9)
def test_for_want_of_space_also_unread_events_go_where_the_operator_has_said_so(
    tmp_path, disk, small_segments
):
    settings = settings_of(tmp_path, SENTRY_DSN="not a dsn", LOGWEIR_ON_FULL="drop_oldest")

    async def use(pipeline):
        await send(pipeline, *[line() * 3] * 6)
        disk.free = 0

        def gone():
            return 6 - len(stored(pipeline))

        def lost():
            return value(pipeline, "logweir_events_lost_total", reason="retention")

        await settled(lambda: gone() > 0 and lost() == 3 * gone())
        return stored(pipeline)

    left = living(settings, use, disk=disk)
    assert left == [*range(7 - len(left), 7)]
