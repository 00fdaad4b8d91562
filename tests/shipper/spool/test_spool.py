"""The queue on disk keeps its promises to the application's threads and to the sender."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from logweir.notices import Notices
from logweir.spool import writing
from logweir.spool.place import Plan
from logweir.spool.segment import SUFFIX
from logweir.spool.spool import Spool
from logweir.spool.stream import Stream
from logweir.tally import Tally

MIB = 1024 * 1024


class Opened:
    """A spool with nobody who sends, and a clock that stands."""

    def __init__(self, folder: Path, *, max_bytes: int = MIB, mapped: bool = True) -> None:
        self.tally = Tally()
        self.said: list[bytes] = []
        self.wakes = 0
        self.now = 0.0
        self.spool = Spool(
            Plan(folder=folder, service="shop", max_bytes=max_bytes),
            tally=self.tally,
            wake=self._wake,
            notices=Notices(write=self.said.append),
            clock=lambda: self.now,
        )
        self.spool._mapped = mapped

    def _wake(self) -> None:
        self.wakes += 1

    def put(self, number: int, level: str = "info", padding: int = 0) -> None:
        self.spool.put(line(number, padding), level)

    def take(self, most: int = 1_000_000) -> list[dict[str, Any]]:
        """What a sender would take, that takes all."""
        found: list[dict[str, Any]] = []
        while (sources := self.spool.sources()) and len(found) < most:
            batch = sources[0].front(max_lines=10_000, max_bytes=100_000)
            found += [orjson.loads(each) for chunk in batch for each in bytes(chunk.data).splitlines()]
            sources[0].release(batch)
            if sources[0].is_empty():
                self.spool.finish(sources[0])
        return found


def line(number: int, padding: int = 0) -> bytes:
    return b'{"timestamp":"2026-11-21T09:03:31.123456Z","n":%d,"pad":"%s"}\n' % (number, b"x" * padding)


@pytest.fixture(params=["mapped", "appended"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    return Opened(tmp_path, mapped=request.param == "mapped")


@pytest.mark.fault(24)
def test_a_full_spool_drops_the_new_keeps_a_tenth_for_warnings_and_tells_in_its_place(opened: Opened) -> None:
    for number in range(2000):
        opened.put(number, padding=1000)
    dropped = opened.tally.by_reason()["queue_full"]["info"]
    kept = 2000 - dropped
    assert 0.7 * MIB < kept * len(line(0, 1000)) < 0.9 * MIB
    opened.put(5000, "warning", padding=1000)
    assert "warning" not in opened.tally.by_reason()["queue_full"]
    for number in range(2000):
        opened.put(number, "error", padding=1000)
    errors = opened.tally.by_reason()["queue_full"]["error"]
    assert 0.8 * MIB < (2001 - errors + kept) * len(line(0, 1000)) < MIB
    assert sum(file.stat().st_size for file in opened.spool._folder.rglob("*.ndjson")) <= MIB
    found = opened.take()
    assert [each["n"] for each in found[:kept]] == list(range(kept))
    assert found[kept : kept + 2] == [{"_lost": {"count": dropped}}, orjson.loads(line(5000, 1000))]
    opened.spool.upkeep()
    assert opened.take() == [{"_lost": {"count": errors}}]
    opened.put(6000)
    assert [each["n"] for each in opened.take()] == [6000], "there is room again"
    assert opened.spool.accepted == opened.spool.released


def test_a_loss_stands_before_a_shorter_event_that_still_had_room(opened: Opened) -> None:
    number = 0
    while not opened.tally.by_reason():
        opened.put(number, padding=1000)
        number += 1
    opened.put(5000)
    assert opened.take()[-2:] == [{"_lost": {"count": 1}}, orjson.loads(line(5000))]


def test_what_other_processes_have_there_counts_too(tmp_path: Path) -> None:
    first, second = Opened(tmp_path), Opened(tmp_path)
    for number in range(2000):
        first.put(number, padding=1000)
    second.put(0)
    second.spool.upkeep()
    for number in range(2000):
        second.put(number, padding=1000)
    kept = 2001 - second.tally.by_reason()["queue_full"]["info"]
    assert kept * 1070 < 2 * 128 * 1024


def test_a_stream_grows_by_segments_that_the_sender_made_ahead(opened: Opened) -> None:
    sizes = []
    ahead = 0
    for number in range(500):
        opened.put(number, padding=1000)
        opened.spool.upkeep()
        ahead += opened.spool._spare is not None
        sizes.append(len(list(opened.spool._folder.rglob("*.ndjson"))))
    assert max(sizes) > 3
    assert ahead > 100, "half of a segment before it is needed"
    assert [each["n"] for each in opened.take()] == list(range(500))
    assert len(list(opened.spool._folder.rglob("*.ndjson"))) <= 2


def test_the_end_of_a_stream_is_told_and_its_folder_is_gone(opened: Opened) -> None:
    opened.put(1)
    opened.spool.close_stream()
    opened.put(2)
    (first, second) = opened.spool._own
    assert opened.take() == [orjson.loads(line(1)), {"_closed": {}}, orjson.loads(line(2))]
    assert not first.folder.exists()
    assert second.folder.exists()


def test_what_dropped_before_a_kill_is_told_by_who_adopts(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    for number in range(2000):
        opened.put(number, padding=1000)
    dropped = opened.tally.by_reason()["queue_full"]["info"]
    folder = opened.spool._own[0].folder
    opened.spool._own[0].close()
    adopted = Stream.adopt(folder)
    assert adopted is not None
    batches = []
    while batch := adopted.front(max_lines=10_000, max_bytes=1 << 22):
        batches.append(batch)
        adopted.release(batch)
    *_, lost, (end,) = batches
    assert lost[-1].numbers == dropped
    assert end.closes
    assert adopted.next_number == 2001


def test_a_segment_made_ahead_hides_no_loss_from_who_adopts(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.put(1)
    (stream,) = opened.spool._own
    assert stream.segments[0].writer is not None
    stream.segments[0].writer.note_lost(7)
    stream.add_segment(4096, mapped=True)
    stream.close()
    adopted = Stream.adopt(stream.folder)
    assert adopted is not None
    adopted.release(adopted.front(max_lines=10_000, max_bytes=1 << 22))
    assert adopted.next_number == 9


@pytest.mark.parametrize(
    "damaged", [b'{"_lost":{"count":x}}', b'{"_lost":{"count":-3}}', b'{"_', b'{"_closed":1}']
)
def test_a_damaged_control_line_takes_one_number_and_holds_up_nothing(tmp_path: Path, damaged: bytes) -> None:
    opened = Opened(tmp_path)
    opened.put(1)
    opened.spool.put(damaged + b"\n", "info")
    opened.put(3)
    (stream,) = opened.spool._own
    stream.close()
    adopted = Stream.adopt(stream.folder)
    assert adopted is not None
    first, second, third = adopted.front(max_lines=10_000, max_bytes=1 << 22)
    assert bytes(second.data) == damaged + b"\n"
    adopted.release([first, second, third])
    assert adopted.next_number == 4


def test_what_follows_lost_lines_that_were_delivered_takes_no_number_that_the_service_knows(
    tmp_path: Path,
) -> None:
    opened = Opened(tmp_path)
    for number in range(200):
        opened.put(number, padding=100)
    (stream,) = opened.spool._own
    stream.release(stream.front(max_lines=100, max_bytes=1 << 20))
    stream.close()
    with stream.segments[0].path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    adopted = Stream.adopt(stream.folder)
    assert adopted is not None
    assert adopted.stream != stream.stream
    assert adopted.next_number == 1
    assert orjson.loads(bytes(adopted.front(max_lines=1, max_bytes=1)[0].data))["n"] == 100


def test_a_file_that_vanishes_costs_what_was_in_it_and_holds_up_nothing(opened: Opened) -> None:
    for number in range(800):
        opened.put(number, padding=1000)
    (stream,) = opened.spool._own
    first, gone, *_ = stream.segments
    gone.path.unlink()
    found = opened.take(first.end // len(line(100, 1000)))
    for _ in range(3):
        opened.put(800)
        opened.now += 31
        opened.spool.upkeep()
    while opened.spool.adopted:
        heir = opened.spool.adopted[0]
        batch = heir.front(max_lines=10_000, max_bytes=100_000)
        found += [orjson.loads(each) for chunk in batch for each in bytes(chunk.data).splitlines()]
        heir.release(batch)
        if heir.is_empty():
            opened.spool.finish(heir)
    found += opened.take()
    told = [event["n"] for event in found if "n" in event]
    assert 800 in told
    assert len(told) == len(set(told)) + 2
    assert len(told) == 803 - gone.end // len(line(100, 1000))


@pytest.mark.parametrize("calls", range(30))
def test_a_signal_handler_that_raises_in_put_leaves_nothing_broken(opened: Opened, calls: int) -> None:
    """A handler runs where Python calls or returns, so that is where this one raises, at one place each."""

    class Interrupted(Exception):
        pass

    left = iter(range(calls))

    def interrupt(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename == writing.__file__ and next(left, None) is None:
            sys.setprofile(None)
            raise Interrupted

    with contextlib.suppress(Interrupted):
        sys.setprofile(interrupt)
        opened.put(1)
    sys.setprofile(None)
    opened.put(2)
    opened.put(3)
    assert [each["n"] for each in opened.take()] in ([1, 2, 3], [2, 3])
    assert opened.spool.is_empty()
    assert opened.spool.sleep_if_empty(lambda: None)
    assert opened.spool.accepted == opened.spool.released


@pytest.mark.parametrize("change", ["close_stream", "tell_loss", "put"])
def test_an_event_made_in_the_midst_of_a_change_follows_it(opened: Opened, change: str) -> None:
    """As a finaliser or a signal handler makes one on the same thread."""
    spool = opened.spool
    opened.put(1)
    nested = iter([10, 11])
    name = {"close_stream": "_end_stream", "tell_loss": "_fits", "put": "_put_slowly"}[change]
    original: Callable[..., Any] = getattr(spool, name)

    def with_events(*arguments: Any) -> Any:
        for number in nested:
            opened.put(number)
        return original(*arguments)

    setattr(spool, name, with_events)
    if change == "put":
        spool._limit = -1
        opened.put(2)
    else:
        spool._lost = 1
        getattr(spool, change)()
    numbers = [each["n"] for each in opened.take() if "n" in each]
    assert numbers == ([1, 2, 10, 11] if change == "put" else [1, 10, 11])
    assert not spool._aside


def test_an_event_wakes_the_sender_once_until_it_sleeps_again(opened: Opened) -> None:
    opened.put(1)
    opened.put(2)
    assert opened.wakes == 1
    opened.take()
    assert opened.spool.sleep_if_empty(lambda: None)
    opened.put(3)
    assert opened.wakes == 2


def test_a_folder_that_vanishes_costs_what_was_in_it_and_no_more(opened: Opened) -> None:
    opened.put(1)
    first = opened.spool._own[0]
    opened.put(2)
    shutil.rmtree(opened.spool._folder)
    opened.spool.upkeep()
    assert first not in opened.spool._own
    opened.put(3)
    assert opened.spool._own[-1].folder.exists()
    assert [each["n"] for each in opened.take()] == [3]
    assert b"was deleted" in opened.said[0]
    assert opened.spool.sleep_if_empty(lambda: None)
    assert opened.spool.accepted == opened.spool.released


def test_what_was_left_more_than_72_hours_ago_is_dropped_and_counted(tmp_path: Path) -> None:
    dead, living = Opened(tmp_path), Opened(tmp_path)
    for number in range(7):
        dead.put(number)
    stream = dead.spool._own[0]
    stream.close()
    os.utime(stream.segments[0].path, (0, 0))
    living.put(100)
    living.spool.upkeep()
    assert living.tally.by_reason() == {"expired": {"info": 7}}
    assert not stream.folder.exists()
    assert living.spool.adopted == []


def test_another_identity_of_a_stream_is_known_to_who_adopts_it(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    for number in range(10):
        opened.put(number)
    stream = opened.spool._own[0]
    stream.release(stream.front(max_lines=4, max_bytes=100_000))
    stream.open_stream()
    stream.release(stream.front(max_lines=2, max_bytes=100_000))
    assert stream.stream != stream.folder.name
    stream.close()
    adopted = Stream.adopt(stream.folder)
    assert adopted is not None
    assert (adopted.stream, adopted.next_number) == (stream.stream, 3)
    (left,) = adopted.front(max_lines=100, max_bytes=100_000)
    assert [orjson.loads(each)["n"] for each in bytes(left.data).splitlines()] == [6, 7, 8, 9]
    adopted.close()


def test_who_holds_the_lock_keeps_the_stream(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.put(1)
    folder = opened.spool._own[0].folder
    assert Stream.adopt(folder) is None
    opened.spool.let_go_of_adopted()
    opened.spool._own[0].close()
    adopted = Stream.adopt(folder)
    assert adopted is not None
    assert Stream.adopt(folder) is None
    adopted.remove()
    assert Stream.adopt(folder) is None


def test_nobody_takes_the_stream_of_a_living_process_whose_old_files_were_tidied_up(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.put(1)
    folder = opened.spool._own[0].folder
    for file in folder.iterdir():
        if not file.name.endswith(SUFFIX):
            file.unlink()
    assert Stream.adopt(folder) is None
    opened.spool._own[0].close()
    assert Stream.adopt(folder) is not None


def test_where_no_folder_can_be_locked_a_file_in_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "as NFS does")
        real(descriptor, operation)

    real = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", flock)
    stream = Stream.create(tmp_path)
    assert Stream.adopt(stream.folder) is None
    stream.close()
    assert Stream.adopt(stream.folder) is not None
