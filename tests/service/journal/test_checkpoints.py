import errno
import os
from pathlib import Path
from uuid import UUID

import pytest

from logweir_service.disk import Disk
from logweir_service.errors import UnknownFormat
from logweir_service.journal import Checkpoint, Checkpoints
from logweir_service.journal.format import crc32

JOURNAL = UUID("1b4e28ba-2fa1-11d2-883f-0016d3cca427")
BODY = b'{"counters":[1,2,3]}\n'


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path, journal=JOURNAL)


def save(checkpoints, *lsns, alone=False):
    for lsn in lsns:
        checkpoints.save(Checkpoint(lsn, 1_790_000_000.0, b"%d" % lsn + BODY), alone=alone)


def found(checkpoints):
    checkpoints.damaged.clear()
    return [(each.lsn, each.body) for each in checkpoints.newest_first()]


def lsns(checkpoints):
    return [int(path.stem) for path in checkpoints.paths()]


def written_as(path, **changes):
    """Give the first line other values, under a checksum that holds."""
    line, body = path.read_bytes().split(b"\n", 1)
    head = line[: line.rindex(b',"crc32":')]
    for old, new in changes.values():
        assert old in head
        head = head.replace(old, new)
    path.write_bytes(b'%s,"crc32":%d}}\n%s' % (head, crc32(head, crc32(body)), body))


class FailingDisk(Disk):
    """Fails one kind of call."""

    def __init__(self, call: str, number: int = errno.ENOSPC) -> None:
        def fail(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        setattr(self, call, fail)


def test_checkpoint_reads_back_as_it_was_saved(checkpoints):
    size = checkpoints.save(Checkpoint(7, 1_790_000_000.25, BODY))
    each = next(checkpoints.newest_first())
    assert each == Checkpoint(7, 1_790_000_000.25, BODY)
    assert checkpoints.paths()[0].name == "00000000000000000007.checkpoint"
    assert checkpoints.paths()[0].stat().st_size == size


def test_two_are_kept_newest_first(checkpoints):
    save(checkpoints, 1, 2, 3, 10)
    assert [lsn for lsn, _ in found(checkpoints)] == [10, 3]
    assert checkpoints.oldest_lsn == 3


def test_no_checkpoint_covers_nothing(checkpoints):
    assert checkpoints.oldest_lsn == 0
    assert found(checkpoints) == []


def test_one_saved_alone_is_the_only_one(checkpoints):
    save(checkpoints, 1, 2)
    save(checkpoints, 3, alone=True)
    assert lsns(checkpoints) == [3]


def test_state_of_the_same_commit_takes_the_place_of_the_earlier_one(checkpoints):
    save(checkpoints, 1, 2)
    checkpoints.save(Checkpoint(2, 1_790_000_001.0, BODY))
    assert found(checkpoints) == [(2, BODY), (1, b"1" + BODY)]


@pytest.mark.fault(6)
@pytest.mark.parametrize("alone", [False, True])
def test_what_claims_to_be_newer_gives_way_to_a_new_checkpoint(checkpoints, alone):
    """It could not be used, or it would have been; else it would be taken for the newest from then on."""
    save(checkpoints, 3, 90, 100)
    for path in checkpoints.paths():
        path.write_bytes(b"garbage")
    save(checkpoints, 5, alone=alone)
    assert found(checkpoints)[0] == (5, b"5" + BODY)
    assert lsns(checkpoints)[-1] == 5


@pytest.mark.fault(6)
def test_checkpoint_cut_or_flipped_at_any_byte_is_never_used_and_the_one_before_it_is(checkpoints):
    save(checkpoints, 1, 2)
    path = checkpoints.paths()[-1]
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        for damaged in (content[:place], bytes(flipped), content + b"\0"):
            path.write_bytes(damaged)
            assert found(checkpoints) == [(1, b"1" + BODY)], f"byte {place}"
            assert len(checkpoints.damaged) == 1
            assert str(path) in checkpoints.damaged[0]


@pytest.mark.fault(6)
def test_both_damaged_are_both_told(checkpoints):
    save(checkpoints, 1, 2)
    for path in checkpoints.paths():
        path.write_bytes(b"")
    assert found(checkpoints) == []
    assert len(checkpoints.damaged) == 2


def test_checkpoint_of_another_journal_is_not_used(checkpoints, tmp_path):
    save(checkpoints, 1)
    other = Checkpoints(tmp_path, journal=UUID(int=5))
    assert found(other) == []
    assert "belongs to another journal" in other.damaged[0]


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "change", [(b'"format":1', b'"format":2'), (b'"lsn":1', b'"commit":"1"')], ids=["format", "shape"]
)
def test_checkpoint_of_a_newer_version_is_refused_and_left_alone(checkpoints, change):
    save(checkpoints, 1)
    (path,) = checkpoints.paths()
    written_as(path, change=change)
    content = path.read_bytes()
    with pytest.raises(UnknownFormat, match="run the version that wrote it"):
        found(checkpoints)
    assert path.read_bytes() == content


def test_unreadable_checkpoint_is_told_and_passed_over(checkpoints):
    save(checkpoints, 1, 2)
    path = checkpoints.paths()[-1]
    path.unlink()
    path.mkdir()
    assert [lsn for lsn, _ in found(checkpoints)] == [1]
    assert "cannot be read: Is a directory" in checkpoints.damaged[0]


def test_what_a_crash_left_half_written_is_removed_at_the_start(checkpoints, tmp_path):
    save(checkpoints, 1)
    half = tmp_path / "00000000000000000002.checkpoint.tmp"
    half.write_bytes(b"half")
    cursor = tmp_path / "promote.cursor"
    cursor.write_bytes(b"{}")
    assert lsns(checkpoints) == [1]
    checkpoints.clean()
    assert not half.exists()
    assert cursor.exists()


@pytest.mark.fault(10)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_checkpoint_that_cannot_be_written_leaves_those_before_it_and_no_half_of_it(
    checkpoints, tmp_path, call
):
    save(checkpoints, 1, 2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    failing = Checkpoints(tmp_path, journal=JOURNAL, disk=FailingDisk(call))
    with pytest.raises(OSError, match="No space"):
        save(failing, 3)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_old_checkpoint_that_cannot_be_removed_does_no_harm(tmp_path):
    stubborn = Checkpoints(tmp_path, journal=JOURNAL, disk=FailingDisk("unlink", errno.EIO))
    save(stubborn, 1, 2, 3)
    assert lsns(stubborn) == [1, 2, 3]
    assert stubborn.not_alone == []
    relieved = Checkpoints(tmp_path, journal=JOURNAL)
    save(relieved, 4)
    assert lsns(relieved) == [3, 4]


def test_one_that_was_to_be_alone_and_is_not_says_so(tmp_path):
    stubborn = Checkpoints(tmp_path, journal=JOURNAL, disk=FailingDisk("unlink", errno.EIO))
    save(stubborn, 1)
    save(stubborn, 2, alone=True)
    assert lsns(stubborn) == [1, 2]
    assert stubborn.not_alone == [f"{stubborn.paths()[0]} cannot be removed: Input/output error"]
    save(stubborn, 3)
    assert stubborn.not_alone == []


def test_content_is_synced_before_its_name_and_the_name_before_older_ones_go(tmp_path):
    calls = []

    class Recording(Disk):
        def fsync(self, file: int) -> None:
            calls.append("fsync")
            super().fsync(file)

        def replace(self, old: Path, new: Path) -> None:
            calls.append("replace")
            super().replace(old, new)

        def sync_folder(self, path: Path) -> None:
            calls.append("sync_folder")
            super().sync_folder(path)

        def unlink(self, path: Path) -> None:
            calls.append("unlink")
            super().unlink(path)

    recording = Checkpoints(tmp_path, journal=JOURNAL, disk=Recording())
    save(recording, 1, alone=True)
    save(recording, 2, alone=True)
    assert calls == ["fsync", "replace", "sync_folder"] * 2 + ["unlink"]
