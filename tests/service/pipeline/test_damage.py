"""What a start makes of checkpoints and segments that are not whole."""

import asyncio
import errno
from contextlib import suppress
from functools import partial

import pytest

from logweir_service.errors import StorageBroken, UnknownFormat
from logweir_service.journal import Journal, crc32
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings
from logweir_service.status import status_of_folder
from tests.faults.failing_disk import FailingDisk, Fault

from .living import checkpoint, created, exposed, killed, living, request, sealed_paths, settled, spoil


@pytest.fixture
def settings(tmp_path):
    return Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_CHECKPOINT_SECONDS=3600)


@pytest.fixture
def small_segments(monkeypatch):
    """Two commits a segment."""
    small = partial(Journal, max_segment_bytes=500)
    monkeypatch.setattr("logweir_service.app.composition.Journal", small)


def value(pipeline, name, **labels):
    return pipeline.telemetry.registry.get_sample_value(name, labels)


def sending(count, *, checkpoints_at=()):
    """Send so many requests, each a commit, with checkpoints behind some of them."""

    async def use(pipeline):
        for number in range(1, count + 1):
            await pipeline.submit(Delivery(request(n=number)))
            if number in checkpoints_at:
                checkpoint(pipeline)
        return [*exposed(pipeline).values()], created(pipeline)

    return use


async def look(pipeline):
    found = pipeline.resumed
    return [*exposed(pipeline).values()], found, value(pipeline, "logweir_counters_reset")


def only_segment(settings):
    (path,) = (settings.data / "journal").glob("*.ndjson")
    return path


def checkpoint_paths(settings):
    return sorted((settings.data / "checkpoints").glob("*.checkpoint"))


@pytest.mark.fault(1, 6)
def test_start_goes_on_from_the_newest_checkpoint_and_counts_the_rest(settings):
    before, began = killed(settings, sending(9, checkpoints_at=(3, 6)))
    numbers, resumed, reset = living(settings, look)
    assert (before, numbers, reset) == ([9.0], [9.0], 0.0)
    assert (resumed.checkpoint_lsn, resumed.journal.batches, resumed.unusable) == (6, 3, ())

    async def beginnings(pipeline):
        return created(pipeline)

    assert living(settings, beginnings) == began


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    ("damaged", "begins_at"), [((1,), 3), ((0,), 6), ((0, 1), None)], ids=["newest", "older", "both"]
)
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "cut"])
def test_damaged_checkpoints_cost_time_and_no_number(settings, damaged, begins_at, content):
    killed(settings, sending(9, checkpoints_at=(3, 6)))
    for index in damaged:
        path = checkpoint_paths(settings)[index]
        path.write_bytes(path.read_bytes()[:-3] if content is None else content)
    numbers, resumed, reset = living(settings, look)
    assert (numbers, reset) == ([9.0], 0.0)
    assert resumed.checkpoint_lsn == begins_at
    assert len(resumed.unusable) == (0 if damaged == (0,) else len(damaged))
    assert living(settings, look)[1].unusable == ()


@pytest.mark.fault(6)
def test_without_any_checkpoint_and_the_first_segments_all_counters_begin_anew(settings, small_segments):
    _, began = killed(settings, sending(9, checkpoints_at=(3, 6)))
    for path in checkpoint_paths(settings):
        path.write_bytes(b"")
    sealed_paths(settings.data)[0].unlink()

    async def use(pipeline):
        before = await look(pipeline)
        await pipeline.submit(Delivery(request()))
        return before, created(pipeline), [*exposed(pipeline).values()]

    (numbers, resumed, reset), beginnings, after = killed(settings, use)
    assert (numbers, reset, after) == ([], 1.0, [1.0])
    assert resumed.reset.startswith("commits 1 to 2 are missing")
    assert beginnings[0] > began[0]
    numbers, resumed, reset = living(settings, look)
    assert (numbers, reset, resumed.reset) == ([1.0], 0.0, "")


@pytest.mark.fault(5, 6)
@pytest.mark.parametrize("damaged", [(1,), (0, 1)], ids=["newest", "both"])
@pytest.mark.parametrize("content", [b"", b"garbage"], ids=["empty", "garbage"])
def test_damaged_checkpoint_still_tells_where_the_journal_should_end(
    settings, small_segments, damaged, content
):
    """Else the counters would go back to where the older one stands, and numbers be given twice."""
    _, began = killed(settings, sending(9, checkpoints_at=(3, 8)))
    for index in damaged:
        checkpoint_paths(settings)[index].write_bytes(content)
    for path in sorted((settings.data / "journal").glob("*.ndjson"))[-2:]:
        path.unlink()

    async def use(pipeline):
        before = await look(pipeline)
        await pipeline.submit(Delivery(request()))
        return before, created(pipeline), pipeline.journal.last_lsn

    (numbers, resumed, reset), beginnings, last_lsn = killed(settings, use)
    assert (numbers, reset, last_lsn) == ([], 1.0, 8 + 1_000_000 + 1)
    assert "ends before commit 8, which a checkpoint knows" in resumed.reset
    assert beginnings[0] > began[0]
    numbers, _, reset = living(settings, look)
    assert (numbers, reset) == ([1.0], 0.0)


@pytest.mark.fault(2, 5)
@pytest.mark.parametrize("damaged", [False, True], ids=["checkpoint whole", "checkpoint damaged"])
def test_start_that_fails_at_any_call_leaves_the_lost_end_to_the_next(tmp_path, damaged):
    """Else the next would go on from lower numbers, and give numbers of commits again."""
    began, failing, failed = 0.0, 0, 0

    async def use(pipeline):
        before = [*exposed(pipeline).values()]
        await pipeline.submit(Delivery(request()))
        return before, created(pipeline), pipeline.journal.last_lsn

    while failed == failing:
        failing += 1
        settings = Settings(LOGWEIR_DATA=tmp_path / str(failing), LOGWEIR_CHECKPOINT_SECONDS=3600)
        _, [began] = killed(settings, sending(9, checkpoints_at=(3, 8)))
        segment = only_segment(settings)
        content = segment.read_bytes()
        segment.write_bytes(content[: content.index(b'{"_commit":{"lsn":5,')])
        if damaged:
            checkpoint_paths(settings)[1].write_bytes(b"")
        disk = FailingDisk(Fault(error=errno.EIO, of=()), failing=failing)
        with suppress(StorageBroken, UnknownFormat, OSError):
            living(settings, look, disk=disk)
        failed += bool(disk.failed)
        numbers, [beginning], last_lsn = living(settings, use)
        assert numbers == [], failing
        assert beginning > began
        assert last_lsn > 8 + 1_000_000
    assert failing > 10


@pytest.mark.fault(5)
def test_damage_behind_the_checkpoint_lets_all_counters_begin_anew_and_keeps_the_events(
    settings, small_segments
):
    _, began = killed(settings, sending(9, checkpoints_at=(3,)))
    spoil(sealed_paths(settings.data)[2])  # commits 5 and 6

    async def use(pipeline):
        numbers, resumed, reset = await look(pipeline)
        losses = value(pipeline, "logweir_journal_damaged_segments_total")
        gaps = value(pipeline, "logweir_journal_gaps_total")
        await pipeline.submit(Delivery(request()))
        stored = [batch.lsn for batch in pipeline.journal.batches(0)]
        return numbers, resumed, reset, losses, gaps, created(pipeline), stored

    numbers, resumed, reset, losses, gaps, beginnings, stored = killed(settings, use)
    assert (numbers, reset, losses, gaps) == ([], 1.0, 1.0, 1.0)
    assert "commits 5 to 5 are missing" in resumed.reset
    assert beginnings[0] > began[0]
    assert stored == [1, 2, 3, 4, 6, 7, 8, 9, 11]  # one number is passed over, so that the gap stays visible
    numbers, resumed, reset = living(settings, look)
    assert (numbers, reset) == ([1.0], 0.0)


@pytest.mark.fault(5)
def test_damage_below_the_checkpoint_leaves_the_numbers_alone_and_is_found_later(
    settings, small_segments, caplog
):
    before, began = killed(settings, sending(9, checkpoints_at=(7,)))
    damaged = sealed_paths(settings.data)[1]
    spoil(damaged)

    async def use(pipeline):
        numbers = await look(pipeline)
        await settled(lambda: value(pipeline, "logweir_journal_damaged_segments_total") == 1)
        return numbers, created(pipeline), [batch.lsn for batch in pipeline.journal.batches(0)]

    (numbers, resumed, reset), beginnings, stored = living(settings, use)
    assert (numbers, reset, resumed.journal.damaged) == (before, 0.0, ())
    assert beginnings == began
    assert stored == [1, 2, 4, 5, 6, 7, 8, 9]
    assert f"{damaged} was damaged: 1 batches of it are whole" in caplog.text
    assert damaged.with_suffix(".corrupt").exists()
    assert living(settings, look)[0] == before


@pytest.mark.fault(5)
def test_journal_shorter_than_its_checkpoint_lets_all_counters_begin_anew_and_reuses_no_number(settings):
    killed(settings, sending(9, checkpoints_at=(9,)))
    (path,) = (settings.data / "journal").glob("*.ndjson")
    path.write_bytes(path.read_bytes()[:-600])

    async def use(pipeline):
        numbers, _, reset = await look(pipeline)
        await pipeline.submit(Delivery(request()))
        return numbers, reset, pipeline.journal.last_lsn

    numbers, reset, last_lsn = killed(settings, use)
    assert (numbers, reset) == ([], 1.0)
    assert last_lsn > 1_000_000
    assert living(settings, look)[0] == [1.0]


@pytest.mark.fault(15)
def test_checkpoint_of_a_newer_version_refuses_the_start(settings):
    killed(settings, sending(2, checkpoints_at=(2,)))
    path = checkpoint_paths(settings)[-1]
    line, body = path.read_bytes().split(b"\n", 1)
    head = line[: line.rindex(b',"crc32":')].replace(b'"format":1', b'"format":2')
    path.write_bytes(b'%s,"crc32":%d}}\n%s' % (head, crc32(head, crc32(body)), body))
    with pytest.raises(UnknownFormat, match="format 2"):
        living(settings, look)


@pytest.mark.fault(9)
def test_full_disk_while_a_segment_is_set_aside_is_one_clear_line(settings, small_segments, monkeypatch):
    killed(settings, sending(6))
    spoil(sealed_paths(settings.data)[0])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logweir_service.journal.salvage.write_all", full)
    with pytest.raises(StorageBroken, match=r"cannot be recovered: .*No space left.*make room") as broken:
        living(settings, look)
    assert broken.value.exit_code == 70
    monkeypatch.undo()


@pytest.mark.fault(2, 6)
def test_what_a_crash_left_of_a_checkpoint_is_removed(settings):
    killed(settings, sending(3, checkpoints_at=(3,)))
    half = settings.data / "checkpoints" / "00000000000000000004.checkpoint.tmp"
    half.write_bytes(b"half")
    assert living(settings, look)[0] == [3.0]
    assert not half.exists()


@pytest.mark.fault(5)
def test_damage_below_the_checkpoint_in_the_only_segment_is_told_counted_and_left(settings, caplog):
    killed(settings, sending(9, checkpoints_at=(8,)))
    (path,) = (settings.data / "journal").glob("*.ndjson")
    spoil(path)
    damaged = path.read_bytes()

    async def wait(pipeline):
        await settled(lambda: value(pipeline, "logweir_journal_damaged_segments_total") == 1)
        told = await asyncio.to_thread(status_of_folder, pipeline.journal.folder)
        await pipeline.submit(Delivery(request(n=10)))
        return [*exposed(pipeline).values()], pipeline.keeper.damaged, told.journal.damage

    numbers, told, read = living(settings, wait)
    assert numbers == [10.0]
    assert [str(path) in line for line in told] == [True]
    assert any(told[0] in record.getMessage() for record in caplog.records)
    assert [line.startswith(path.name) for line in read] == [True]
    assert path.read_bytes().startswith(damaged)
    assert not [*path.parent.glob("*.corrupt")]
