import errno
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.dead import DeadLetters, NewLetter, Retried, find_letter, letter_files, letters
from logweir_service.disk import Disk
from tests.service.dead.disks import FailingDisk

AT = 1_790_000_000.5
ODD = NewLetter("missing_field", "level", "level is required", b'{"event":"a"}')


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens the store of one folder, as often as wanted."""
    stores = []

    def open_store(disk=None, **options):
        options = {"scrub": bytes, "clock": clock} | options
        stores.append(DeadLetters(tmp_path / "dead", disk=disk or Disk(), **options))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def new(*lines):
    return [ODD._replace(line=line) for line in lines]


def kept(tmp_path):
    return [(letter.id, letter.raw) for letter in letters(tmp_path / "dead")]


def test_a_letter_says_what_was_refused_and_why(opened, tmp_path):
    store = opened()
    store.write([ODD._replace(stream="s-1", number=7), ODD], received=AT)
    first, second = letters(tmp_path / "dead")
    assert (first.id, first.when, first.code, first.field) == (
        1,
        "2026-09-21T14:13:20.500000Z",
        "missing_field",
        "level",
    )
    assert (first.message, first.stream, first.number, first.raw) == (
        "level is required",
        "s-1",
        7,
        b'{"event":"a"}',
    )
    assert (second.id, second.stream, second.number, second.truncated) == (2, None, None, False)
    assert store.kept == 2


def test_ids_go_on_after_a_restart(opened, tmp_path):
    opened().write(new(b"a", b"b"), received=AT)
    opened().write(new(b"c"), received=AT)
    assert kept(tmp_path) == [(1, b"a"), (2, b"b"), (3, b"c")]


def test_an_id_that_was_retried_is_not_given_again_in_an_emptied_folder(opened, tmp_path):
    opened().write(new(b"a", b"b"), received=AT)
    Retried(tmp_path / "dead").note([2])
    letter_files(tmp_path / "dead")[0].path.unlink()
    opened().write(new(b"c"), received=AT)
    assert kept(tmp_path) == [(3, b"c")]


def test_what_is_kept_was_synced(opened, tmp_path):
    disk = FailingDisk()
    opened(disk).write(new(b"a"), received=AT)
    assert disk.synced == [str(letter_files(tmp_path / "dead")[0].path)]


@given(cut=st.integers(1, 200))
def test_a_torn_last_line_is_passed_over_and_then_cut(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn")
    store = DeadLetters(folder, scrub=bytes, disk=Disk())
    store.write(new(b"a", b"b"), received=AT)
    store.close()
    path = letter_files(folder)[0].path
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    path.write_bytes(whole[: max(second, len(whole) - cut)])
    assert [letter.raw for letter in letters(folder)] == [b"a"]
    store = DeadLetters(folder, scrub=bytes, disk=Disk())
    store.write(new(b"c"), received=AT)
    store.close()
    assert [(letter.id, letter.raw) for letter in letters(folder)] == [(1, b"a"), (2, b"c")]


@pytest.mark.parametrize(("old", "damaged"), [(b'{"id":3', b'#"id":3'), (b'}\n{"id":2', b'} {"id":2')])
def test_a_damaged_line_is_passed_over_and_its_id_not_given_again(opened, tmp_path, old, damaged):
    opened().write(new(b"a", b"b", b"c"), received=AT)
    path = letter_files(tmp_path / "dead")[0].path
    path.write_bytes(path.read_bytes().replace(old, damaged))
    opened().write(new(b"d"), received=AT)
    ids = [letter_id for letter_id, _ in kept(tmp_path)]
    assert len(ids) in (2, 3)
    assert kept(tmp_path)[-1] == (4, b"d")


def test_lines_are_scrubbed_before_they_are_written(opened, tmp_path):
    store = opened(scrub=lambda line: line.replace(b"s3cret", b"[redacted]"))
    store.write(new(b'{"password":"s3cret"}'), received=AT)
    assert kept(tmp_path) == [(1, b'{"password":"[redacted]"}')]
    assert b"s3cret" not in letter_files(tmp_path / "dead")[0].path.read_bytes()


def test_a_secret_across_the_edge_of_what_is_kept_is_scrubbed(opened, tmp_path):
    store = opened(scrub=lambda line: line.replace(b"s3cret", b"[redacted]"))
    store.write(new(b"x" * 255_997 + b"s3cret" + b"y" * 9999), received=AT)
    assert b"s3c" not in letter_files(tmp_path / "dead")[0].path.read_bytes()


def test_bytes_that_are_no_utf8_come_back_as_they_were(opened, tmp_path):
    opened().write(new(b"\xff\x00{"), received=AT)
    (letter,) = letters(tmp_path / "dead")
    assert (letter.line, letter.raw) == (None, b"\xff\x00{")


@given(line=st.binary(max_size=50) | st.text(max_size=50).map(lambda text: text.encode("utf-8", "ignore")))
def test_any_line_comes_back_as_it_was(tmp_path_factory, line):
    folder = tmp_path_factory.mktemp("any")
    store = DeadLetters(folder, scrub=bytes, disk=Disk())
    store.write(new(line), received=AT)
    store.close()
    assert [letter.raw for letter in letters(folder)] == [line]


@pytest.mark.parametrize(
    ("line", "length"),
    [
        (b"x" * 256_000, 256_000),
        (b"x" * 256_001, 256_000),
        (b"x" * 255_998 + "€".encode(), 255_998),
        (b"x" * 300_000, 256_000),
        (b"\xff" + b"\x80" * 300_000, 255_997),
    ],
)
def test_an_overlong_line_is_cut_between_characters_and_marked(opened, tmp_path, line, length):
    opened().write(new(line), received=AT)
    (letter,) = letters(tmp_path / "dead")
    assert letter.raw == line[:length]
    assert letter.truncated == (length < len(line))


def test_the_oldest_file_makes_room_and_its_letters_are_counted(opened, tmp_path):
    store = opened(max_bytes=4000, max_file_bytes=1000)
    for number in range(60):
        store.write(new(b"%04d" % number * 20), received=AT)
    ids = [letter.id for letter in letters(tmp_path / "dead")]
    assert ids == [*range(ids[0], 61)]
    assert store.dropped["evicted"] == ids[0] - 1 > 0
    assert 2000 < sum(file.path.stat().st_size for file in letter_files(tmp_path / "dead")) <= 4000


def test_one_large_write_fills_several_files(opened, tmp_path):
    store = opened(max_file_bytes=1000)
    store.write(new(*[b"x" * 100] * 30), received=AT)
    assert [letter.id for letter in letters(tmp_path / "dead")] == [*range(1, 31)]
    assert max(file.path.stat().st_size for file in letter_files(tmp_path / "dead")) < 1400


def test_a_letter_is_found_by_its_id_in_the_file_that_holds_it(opened, tmp_path):
    store = opened(max_file_bytes=1000)
    store.write(new(*[b"%d" % number for number in range(1, 31)]), received=AT)
    found = [find_letter(tmp_path / "dead", number) for number in range(32)]
    assert [letter.raw if letter else None for letter in found] == [
        None,
        *[b"%d" % number for number in range(1, 31)],
        None,
    ]


def test_a_commit_waits_for_two_seconds_of_scrubbing_and_no_longer(opened, tmp_path, clock):
    def slowly(line):
        clock.now += 0.5
        return line

    store = opened(scrub=slowly)
    store.write(new(*[b"x"] * 9), received=AT)
    assert (store.kept, store.dropped["flood"], len(kept(tmp_path))) == (4, 5, 4)
    store.write(new(b"y"), received=AT)
    assert kept(tmp_path)[-1] == (5, b"y")


def test_a_whole_body_is_kept_and_a_flood_behind_it_is_counted(opened, tmp_path, clock):
    store = opened()
    line = b"x" * 200_000
    store.write(new(*[line] * 100), received=AT)
    assert (store.kept, store.dropped["flood"]) == (100, 0)
    store.write(new(*[line] * 100), received=AT)
    assert (store.kept, store.dropped["flood"]) == (125, 75)
    clock.now += 10
    store.write(new(*[line] * 100), received=AT)
    assert store.kept == 125 + 13
    assert len([*letters(tmp_path / "dead")]) == store.kept - store.dropped["evicted"]


@pytest.mark.fault(9, 10)
@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "sync_folder"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("also", ["", "truncate", "unlink"])
def test_a_disk_that_refuses_drops_letters_and_nothing_else(
    opened, tmp_path, clock, caplog, call, number, also
):
    disk = FailingDisk(number=number)
    store = opened(disk)
    store.write(new(b"a"), received=AT)
    disk.failing = {call, also}
    if call in ("open", "sync_folder"):
        store.close()
    store.write(new(b"b", b"c"), received=AT)
    assert (store.kept, store.dropped["disk"]) == (1, 2)
    disk.failing = set()
    store.write(new(b"d"), received=AT)
    assert store.dropped["disk"] == 3, "it rests"
    clock.now += 10
    store.write(new(b"e"), received=AT)
    unknown = [b"b", b"c"] if (call, also) == ("fdatasync", "truncate") else []
    assert [raw for _, raw in kept(tmp_path)] == [b"a", *unknown, b"e"]
    assert (store.kept, store.dropped["disk"]) == (2, 3)
    assert len([each for each in caplog.records if "were dropped" in each.message]) == 1


def test_ids_have_no_gap_where_a_write_was_taken_back(opened, tmp_path, clock):
    disk = FailingDisk("write")
    store = opened(disk)
    store.write(new(b"a", b"b"), received=AT)
    disk.failing = set()
    clock.now += 10
    store.write(new(b"c"), received=AT)
    assert kept(tmp_path) == [(1, b"c")]


def test_an_id_that_may_have_reached_the_disk_is_not_given_again(opened, tmp_path, clock):
    disk = FailingDisk("fdatasync", "truncate")
    store = opened(disk)
    store.write(new(b"a", b"b"), received=AT)
    disk.failing = set()
    clock.now += 10
    store.write(new(b"c"), received=AT)
    ids = [letter.id for letter in letters(tmp_path / "dead")]
    assert len(ids) == len({*ids})
    assert kept(tmp_path)[-1] == (3, b"c")


def test_failures_over_and_over_leave_no_files(opened, tmp_path, clock):
    store = opened(FailingDisk("fdatasync"))
    for _ in range(20):
        store.write(new(b"a"), received=AT)
        clock.now += 10
    assert letter_files(tmp_path / "dead") == []
    assert store.dropped["disk"] == 20


def test_no_more_than_one_line_a_minute_is_logged(opened, tmp_path, clock, caplog):
    caplog.set_level(logging.INFO)
    store = opened(FailingDisk("write"))
    for _ in range(24):
        store.write(new(b"a"), received=AT)
        clock.now += 5
    assert len(caplog.records) == 2


def test_a_fault_of_the_scrubber_keeps_nothing_unscrubbed(opened, tmp_path):
    def scrub(line):
        if b"!" in line:
            raise RecursionError
        return line

    store = opened(scrub=scrub)
    store.write(new(b"a!"), received=AT)
    store.write(new(b"b"), received=AT)
    assert kept(tmp_path) == [(1, b"b")]
    assert store.dropped["fault"] == 1


@pytest.mark.fault(12)
def test_a_folder_that_cannot_be_made_drops_letters_and_nothing_else(opened, tmp_path):
    (tmp_path / "dead").write_text("a file")
    store = opened()
    store.write(new(b"a"), received=AT)
    assert store.dropped["disk"] == 1


def test_a_folder_without_letters_reads_as_empty(tmp_path):
    assert [*letters(tmp_path / "nowhere")] == []
    assert find_letter(tmp_path / "nowhere", 1) is None
    assert Retried(tmp_path / "nowhere").ids() == set()
