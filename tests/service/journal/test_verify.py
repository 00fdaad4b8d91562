import errno
import os
import threading

import pytest

from logweir_service.disk import Disk
from logweir_service.journal import DataFolder, Position, verify
from logweir_service.journal.segment import Segment, segments

from .packed import pack_sealed
from .written import damage, flip, only_segment, opened, segment_paths, write_journal


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    write_journal(folder, 9, max_segment_bytes=300)
    return folder


def verified(folder, *, last_lsn=9, disk=None, stopping=None):
    told: list[str] = []
    verify(
        folder.journal,
        folder.identify(),
        upto=Position(last_lsn, 0, 0),
        disk=disk or Disk(),
        stopping=stopping or threading.Event(),
        tell=told.append,
    )
    return told


def lines(folder):
    with opened(folder) as (_, _, found):
        return found


def test_whole_segments_are_left_alone(folder):
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in segment_paths(folder)}
    assert verified(folder) == []
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in segment_paths(folder)} == before


@pytest.mark.fault(5)
def test_damage_is_told_set_aside_and_the_rest_is_found(folder):
    for path, line in zip(segment_paths(folder), (b'{"n":1}', b'{"n":4}'), strict=False):
        damage(path, line)
    told = verified(folder)
    assert [str(path) in text for path, text in zip(segment_paths(folder), told, strict=False)] == [True] * 2
    assert len(told) == 2
    assert len([*folder.journal.glob("*.corrupt")]) == 2
    assert [b'{"n":%d}' % number for number in (2, 3, 5, 6, 7, 8, 9)] == lines(folder)
    assert verified(folder) == []


@pytest.mark.fault(5)
def test_damage_in_a_compacted_segment_is_set_aside_in_its_own_form(folder):
    packed = pack_sealed(folder)
    assert verified(folder) == []
    flip(packed[1], packed[1].stat().st_size // 2)
    (told,) = verified(folder)
    assert f"{packed[1].name}.corrupt" in told
    assert segments(folder.journal)[1].path == packed[1]
    assert verified(folder) == []
    assert {*lines(folder)} < {b'{"n":%d}' % number for number in range(1, 10)}


def test_what_a_start_has_read_itself_is_not_looked_at(folder):
    damage(segment_paths(folder)[2], b'{"n":5}')
    damage(segment_paths(folder)[-1], b'{"n":9}')
    assert verified(folder, last_lsn=4) == []
    assert len(verified(folder, last_lsn=6)) == 1
    assert verified(folder, last_lsn=8) == []


@pytest.mark.fault(5)
@pytest.mark.parametrize("line", [b'{"n":7}', b'{"n":8}'])
def test_damage_in_the_segment_that_is_written_to_is_told_and_left_in_place_until_it_is_complete(
    tmp_path, line
):
    folder = DataFolder(tmp_path / "one")
    write_journal(folder, 9)
    path = only_segment(folder)
    damage(path, line)
    content = path.read_bytes()
    for _ in range(2):
        (told,) = verified(folder, last_lsn=8)
        assert f"{path} is damaged (no whole batch at byte " in told
        assert path.read_bytes() == content
    assert verified(folder, last_lsn=6) == []
    Segment(folder.journal / Segment.name(10), 10).path.write_bytes(b"")
    (told,) = verified(folder, last_lsn=9)
    assert "corrupt" in told
    assert verified(folder, last_lsn=9) == []


def test_what_is_being_written_behind_the_checkpoint_is_no_damage(tmp_path):
    folder = DataFolder(tmp_path / "one")
    write_journal(folder, 3)
    with only_segment(folder).open("ab") as file:
        file.write(b'{"_commit":{"lsn":4,')
    assert verified(folder, last_lsn=3) == []


@pytest.mark.fault(5)
def test_a_damaged_header_of_the_segment_that_is_written_to_is_told(tmp_path):
    folder = DataFolder(tmp_path / "one")
    write_journal(folder, 3)
    flip(only_segment(folder), 3)
    (told,) = verified(folder, last_lsn=2)
    assert "no segment header" in told


def test_it_ends_at_once_where_the_service_does(folder):
    damage(segment_paths(folder)[0], b'{"n":1}')
    stopping = threading.Event()
    stopping.set()
    assert verified(folder, stopping=stopping) == []


@pytest.mark.fault(16)
def test_segment_that_retention_removes_meanwhile_is_passed_over(folder, monkeypatch):
    first, second = segment_paths(folder)[:2]
    damage(first, b'{"n":1}')
    damage(second, b'{"n":3}')
    real = os.link

    def removed_before(source, target):
        if source == first:
            first.unlink()
        real(source, target)

    monkeypatch.setattr(os, "link", removed_before)
    told = verified(folder)
    assert len(told) == 1
    assert str(second) in told[0]
    assert not first.exists()


@pytest.mark.fault(9)
def test_full_disk_leaves_the_damaged_segment_and_no_half_copy(folder):
    first = segment_paths(folder)[0]
    damage(first, b'{"n":1}')
    damaged = first.read_bytes()
    disk = Disk()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk.write = full  # type: ignore[method-assign]
    with pytest.raises(OSError, match="No space"):
        verified(folder, disk=disk)
    assert first.read_bytes() == damaged
    assert not [*folder.journal.glob("*.tmp")]
    assert len(verified(folder)) == 1
