import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logweir_service.disk import Disk
from logweir_service.journal import Checkpoints, DataFolder, Policy, SealedSegments, Space
from logweir_service.pipeline import Keeper
from logweir_service.pipeline.keeper import CHECKPOINT_BYTES
from logweir_service.telemetry import Telemetry
from tests.service.journal.written import commit, numbered, opened


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TroubledDisk(Disk):
    """Its calls can be held up, or fail so many times, for files of a kind."""

    def __init__(self) -> None:
        self.going_on = threading.Event()
        self.going_on.set()
        self.failures = 0
        self.error = errno.ENOSPC
        self.fault: Exception | None = None
        """A mistake of our own, raised wherever it is met."""
        self.free = 10**12
        self.is_stubborn = False
        """Nothing can be removed."""

    def fsync(self, file: int) -> None:
        assert self.going_on.wait(20)
        if self.fault:
            raise self.fault
        if self.failures:
            self.failures -= 1
            raise OSError(self.error, os.strerror(self.error))
        super().fsync(file)

    def unlink(self, path: Path) -> None:
        if self.is_stubborn:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        super().unlink(path)

    def space(self, path: Path) -> tuple[int, int]:
        if self.fault:
            raise self.fault
        return self.free, 10**12


@pytest.fixture
def ticks() -> Clock:
    return Clock()


@pytest.fixture
def disk() -> TroubledDisk:
    return TroubledDisk()


@pytest.fixture
def keeper(tmp_path: Path, ticks: Clock, disk: TroubledDisk) -> Iterator[Keeper]:
    folder = DataFolder(tmp_path, disk=disk)
    journal = folder.claim()
    made = Keeper(
        sidecars=folder.path / "index",
        checkpoints=Checkpoints(folder.checkpoints, journal=journal, disk=disk),
        sealed=SealedSegments(folder.journal),
        space=Space(tmp_path, disk=disk, min_free_bytes=1000, ballast_bytes=4096),
        policy=Policy(10**9, 10**9),
        disk=disk,
        telemetry=Telemetry(),
        cursor_lsn=lambda: 0,
        clock=lambda: 1_790_000_000.0,
        ticks=ticks,
    )
    yield made
    disk.going_on.set()
    made.close()
    folder.release()


def finish(keeper: Keeper) -> None:
    assert keeper._saving is not None
    keeper._saving.result(20)


def value(keeper: Keeper, name: str, **labels: str) -> float | None:
    return keeper.telemetry.registry.get_sample_value(name, labels)


def test_checkpoint_is_due_after_its_time_and_not_before(keeper, ticks):
    assert keeper.is_due(1)
    keeper.save_soon(1, lambda: b"{}")
    finish(keeper)
    ticks.now += 4.9
    assert not keeper.is_due(2)
    ticks.now += 0.1
    assert keeper.is_due(2)


def test_checkpoint_is_due_after_so_many_bytes_whatever_the_clock_says(keeper):
    keeper.save_soon(1, lambda: b"{}")
    finish(keeper)
    keeper.note(CHECKPOINT_BYTES - 1)
    assert not keeper.is_due(2)
    keeper.note(1)
    assert keeper.is_due(2)
    keeper.save_soon(2, lambda: b"{}")
    finish(keeper)
    assert not keeper.is_due(3)


def test_nothing_is_due_where_nothing_came_in(keeper, ticks):
    keeper.save_soon(7, lambda: b"{}")
    finish(keeper)
    ticks.now += 3600
    assert not keeper.is_due(7)
    assert keeper.is_due(8)


def test_nothing_is_due_while_one_is_being_saved(keeper, ticks, disk):
    disk.going_on.clear()
    keeper.save_soon(1, lambda: b"{}")
    ticks.now += 3600
    keeper.note(CHECKPOINT_BYTES)
    assert not keeper.is_due(2)
    disk.going_on.set()
    finish(keeper)
    assert keeper.is_due(2)


def test_checkpoint_that_had_to_go_for_one_to_be_alone_and_did_not_is_told(keeper, disk, caplog):
    keeper.save(1, b"{}")
    disk.is_stubborn = True
    keeper.save(2, b"{}")
    assert not caplog.records
    keeper.save(3, b"{}", alone=True)
    (told,) = (record.getMessage() for record in caplog.records)
    assert "cannot be removed: Operation not permitted: remove it" in told


def test_state_that_takes_long_to_encode_is_taken_less_often(keeper, ticks):
    def slow() -> bytes:
        ticks.now += 0.5
        return b"{}"

    keeper.save_soon(1, slow)
    finish(keeper)
    ticks.now += 24  # 0.5 s are 2 % of 25 s
    assert not keeper.is_due(2)
    ticks.now += 1
    assert keeper.is_due(2)


def test_saved_checkpoint_is_told(keeper):
    keeper.save(3, b"{}")
    assert keeper.last_lsn == 3
    assert keeper.last_written == 1_790_000_000.0
    assert keeper.last_bytes == keeper.checkpoints.paths()[0].stat().st_size
    assert value(keeper, "logweir_checkpoints_total") == 1
    assert value(keeper, "logweir_checkpoint_duration_seconds_count") == 1


@pytest.mark.fault(10)
def test_ballast_is_given_up_for_a_checkpoint_and_taken_up_again_later(keeper, disk, caplog):
    keeper.tidy()
    assert keeper.space.has_ballast
    disk.failures = 1
    disk.free = 1000
    keeper.save(3, b"{}")
    assert next(keeper.checkpoints.newest_first()).lsn == 3
    assert not keeper.space.has_ballast
    assert "gave up the ballast file" in caplog.text
    assert value(keeper, "logweir_checkpoint_failures_total") == 0
    keeper.tidy()
    assert not keeper.space.has_ballast
    disk.free = 10**12
    keeper.tidy()
    assert keeper.space.has_ballast


def test_ballast_is_kept_where_a_checkpoint_fails_for_another_reason_than_room(keeper, disk, caplog):
    keeper.tidy()
    disk.failures, disk.error = 1, errno.EIO
    with pytest.raises(OSError, match="Input/output error"):
        keeper.save(3, b"{}")
    assert keeper.space.has_ballast
    assert "the disk is full" not in caplog.text


@pytest.mark.fault(10)
def test_checkpoint_that_finds_no_room_is_counted_told_once_and_tried_again(keeper, disk, ticks, caplog):
    keeper.save(1, b"{}")
    for _ in range(3):
        ticks.now += 5
        assert keeper.is_due(2)
        disk.failures = 2
        keeper.save_soon(2, lambda: b"{}")
        finish(keeper)
        disk.failures = 0
        keeper.space.drop_ballast()
    assert keeper.last_lsn == 1
    assert [path.name for path in keeper.checkpoints.paths()] == ["00000000000000000001.checkpoint"]
    assert value(keeper, "logweir_checkpoint_failures_total") == 3
    assert caplog.text.count("no checkpoint could be written (No space left on device)") == 1
    ticks.now += 600
    keeper.save_soon(2, lambda: b"{}")
    finish(keeper)
    assert keeper.last_lsn == 2


def test_fault_of_the_services_own_is_counted_told_once_with_its_traceback_and_overcome(
    keeper, disk, ticks, caplog
):
    for disk.fault in (None, LookupError("never thought of"), LookupError("nor of this"), None):
        ticks.now += 5
        keeper.save_soon(int(ticks.now), lambda: b"{}")
        finish(keeper)
    assert value(keeper, "logweir_checkpoint_failures_total") == 2
    assert value(keeper, "logweir_checkpoints_total") == 2
    told = [record.getMessage().partition(",")[0] for record in caplog.records]
    assert told == ["no checkpoint could be written", "old segments cannot be removed"]
    assert caplog.text.count("LookupError: never thought of") == 2
    assert "nor of this" not in caplog.text
    assert "in fsync\n" in caplog.text


def test_one_trouble_does_not_hide_another(keeper, disk, caplog):
    disk.failures = 2
    keeper.save_soon(1, lambda: b"{}")
    finish(keeper)
    disk.failures, disk.fault = 0, LookupError("never thought of")
    keeper.save_soon(2, lambda: b"{}")
    finish(keeper)
    assert caplog.text.count("no checkpoint could be written") == 2


def test_failure_of_a_checkpoint_that_is_waited_for_is_raised(keeper, disk):
    disk.failures = 2
    with pytest.raises(OSError, match="No space"):
        keeper.save(3, b"{}")
    assert keeper.last_lsn == -1


def write_segments(keeper: Keeper, count: int) -> None:
    folder = keeper.checkpoints._folder.parent / "journal"
    for number in range(1, count + 1):
        (folder / f"{number:020}.ndjson").write_bytes(b"x" * 100)


def names(keeper: Keeper) -> list[int]:
    return [
        int(path.stem) for path in sorted((keeper.checkpoints._folder.parent / "journal").glob("*.ndjson"))
    ]


@pytest.mark.fault(9)
def test_room_is_made_also_where_nothing_comes_in_any_more(keeper, ticks, disk):
    """On a full disk no event is taken, so no checkpoint is due: tidying must not wait for one."""
    write_segments(keeper, 4)
    keeper.cursor_lsn = lambda: 10
    keeper.save(3, b"{}", alone=True)
    assert not keeper.is_due(3)
    disk.free = 850  # of the 1000 that have to stay free
    keeper.tidy_soon()
    assert names(keeper) == [1, 2, 3, 4]
    ticks.now += 5
    keeper.tidy_soon()
    finish(keeper)
    assert names(keeper) == [3, 4]
    assert value(keeper, "logweir_journal_segments_removed_total", reason="space") == 2


def test_tidying_comes_now_and_then_and_not_while_a_checkpoint_is_saved(keeper, ticks, disk, monkeypatch):
    tidied: list[float] = []
    monkeypatch.setattr(Keeper, "_try_to_tidy", lambda self: tidied.append(ticks.now))
    for _ in range(3):
        keeper.tidy_soon()
        finish(keeper)
    assert tidied == [1000.0]
    ticks.now += 5
    disk.going_on.clear()
    keeper.save_soon(1, lambda: b"{}")
    keeper.tidy_soon()
    disk.going_on.set()
    finish(keeper)
    keeper.tidy_soon()
    assert tidied == [1000.0, 1005.0]


def test_what_retention_may_not_remove_is_told_and_measured(keeper, caplog):
    write_segments(keeper, 4)
    keeper.save(4, b"{}")
    keeper.policy = Policy(100, 10**9)
    keeper.tidy()
    assert keeper.held_bytes == 200
    assert "retention waits for promotion, which has not read 200 bytes" in caplog.text
    assert names(keeper) == [1, 2, 3, 4]
    keeper.cursor_lsn = lambda: 4
    keeper.tidy()
    assert (keeper.held_bytes, names(keeper)) == (0, [3, 4])


@pytest.mark.fault(9)
def test_events_removed_unread_for_want_of_space_are_counted(keeper, disk, tmp_path, caplog):
    other = DataFolder(tmp_path / "other")
    with opened(other, max_segment_bytes=300) as (journal, _, _):
        for line in numbered(6):
            commit(journal, [line, line])
    keeper.sealed = SealedSegments(other.journal)
    keeper.save(6, b"{}", alone=True)
    keeper.policy = Policy(10**9, 10**9, may_pass_cursors=True)
    keeper.cursor_lsn = lambda: 1
    disk.free = 999
    keeper.tidy()
    assert keeper.lost_events == 2
    assert "removed 2 events that promotion had not read" in caplog.text


def test_segment_that_cannot_be_removed_is_told_and_ends_nothing(keeper, disk, ticks, caplog, monkeypatch):
    write_segments(keeper, 4)
    keeper.cursor_lsn = lambda: 10
    keeper.policy = Policy(100, 10**9)
    keeper.save(4, b"{}", alone=True)

    def fail(_: Any, path: Path) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(TroubledDisk, "unlink", fail)
    ticks.now += 10
    keeper.tidy_soon()
    finish(keeper)
    assert "old segments cannot be removed" in caplog.text
    assert names(keeper) == [1, 2, 3, 4]


@pytest.mark.fault(5)
def test_damaged_segments_kept_aside_go_when_they_are_too_old(keeper, tmp_path):
    keeper.policy = Policy(10**9, max_age_seconds=86_400)
    old, young = (tmp_path / "journal" / f"{number:020}.corrupt" for number in (1, 7))
    for path, age in ((old, 86_401), (young, 86_399)):
        path.write_bytes(b"events")
        os.utime(path, (keeper.clock() - age,) * 2)
    keeper.tidy()
    assert [*(tmp_path / "journal").glob("*.corrupt")] == [young]


def test_what_the_oldest_checkpoint_or_the_slowest_cursor_may_still_read_is_not_compacted(keeper):
    keeper.cursor_lsn = lambda: 5
    assert keeper.read_lsn == 0
    for lsn in (3, 9):
        keeper.save(lsn, b"{}")
    assert keeper.read_lsn == 3
    keeper.cursor_lsn = lambda: 1
    assert keeper.read_lsn == 1
