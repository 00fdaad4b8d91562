import ctypes
import errno
import os

import pytest

from logweir_service.disk import Disk
from logweir_service.errors import Refusal, StorageBroken
from logweir_service.journal.active import ALLOCATE_BYTES

from .written import commit, numbered, opened, segment_paths, write_journal


def allocated(path):
    return path.stat().st_blocks * 512


def test_blocks_are_reserved_ahead_and_no_zero_byte_shows(folder):
    with opened(folder) as (journal, _, _):
        for line in numbered(3):
            commit(journal, [line])
        (path,) = segment_paths(folder)
        assert path.stat().st_size == journal.position.offset
        assert b"\0" not in path.read_bytes()
        if allocated(path) < ALLOCATE_BYTES:
            pytest.skip("this file system does not reserve blocks")


def test_blocks_that_a_segment_did_not_need_are_given_back_when_it_is_sealed(folder):
    with opened(folder, max_segment_bytes=300) as (journal, _, _):
        commit(journal, *[[line] for line in numbered(3)])
        commit(journal, [b"{}"])
        sealed, active = segment_paths(folder)
        assert allocated(sealed) < ALLOCATE_BYTES
        assert b"\0" not in sealed.read_bytes() + active.read_bytes()


def test_more_is_reserved_where_that_is_written_full(folder, monkeypatch):
    monkeypatch.setattr("logweir_service.journal.active.ALLOCATE_BYTES", 4096)
    asked = []
    real = folder.disk.allocate

    def noted(file, offset, size):
        asked.append((offset, size))
        real(file, offset, size)

    monkeypatch.setattr(folder.disk, "allocate", noted)
    with opened(folder) as (journal, _, _):
        for _ in range(30):
            commit(journal, [b'{"n":"%s"}' % (b"x" * 500)])
        (path,) = segment_paths(folder)
        assert path.stat().st_size == journal.position.offset
    assert len(asked) in range(4, 8)
    assert all(size == 4096 for _, size in asked)
    assert [offset for offset, _ in asked] == sorted(offset for offset, _ in asked)


@pytest.mark.fault(9)
def test_no_room_to_reserve_is_no_fault_and_is_not_tried_again(folder, monkeypatch):
    monkeypatch.setattr("logweir_service.journal.active.ALLOCATE_BYTES", 1)
    asked = []

    def full(*arguments):
        asked.append(arguments)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folder.disk, "allocate", full)
    with opened(folder) as (journal, _, _):
        for line in numbered(3):
            commit(journal, [line])
        assert len(asked) == 1
        assert journal.last_lsn == 3


@pytest.mark.fault(9)
def test_full_disk_cuts_the_segment_back_and_gives_up_what_was_reserved(folder, monkeypatch):
    real = Disk.write

    def full(self, file, buffers):
        real(self, file, [b"".join(buffers)[:30]])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(folder) as (journal, _, _):
        commit(journal, [b'{"n":1}'])
        (path,) = segment_paths(folder)
        before = path.read_bytes()
        monkeypatch.setattr(Disk, "write", full)
        with pytest.raises(Refusal):
            commit(journal, [b'{"n":2}'])
        assert path.read_bytes() == before
        assert allocated(path) < ALLOCATE_BYTES
        monkeypatch.undo()
        commit(journal, [b'{"n":3}'])
        assert [batch.lines for batch in journal.batches(0)] == [b'{"n":1}\n', b'{"n":3}\n']


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS])
def test_file_system_that_cannot_reserve_is_no_fault(tmp_path, monkeypatch, number):
    def unsupported(*_):
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr("logweir_service.disk._fallocate", unsupported)
    Disk().allocate(0, 0, 100)
    monkeypatch.setattr("logweir_service.disk._fallocate", None)
    Disk().allocate(0, 0, 100)


def test_other_reasons_for_not_reserving_are_told():
    with pytest.raises(OSError, match="Bad file"):
        Disk().allocate(-1, 0, 100)


@pytest.mark.fault(7)
@pytest.mark.parametrize("durable", [0, 2])
@pytest.mark.parametrize("broken", [("fdatasync",), ("fdatasync", "truncate")], ids=["sync", "sync and cut"])
def test_file_whose_sync_failed_is_never_written_or_synced_again(folder, monkeypatch, durable, broken):
    """The kernel takes for written what it could not write: the next sync would say that it is."""

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with opened(folder) as (journal, _, _):
        for line in numbered(durable):
            commit(journal, [line])
        for call in broken:
            monkeypatch.setattr(Disk, call, fail)
        with pytest.raises(StorageBroken):
            commit(journal, [b'{"n":9}'])
        monkeypatch.undo()
    (path,) = segment_paths(folder)
    known = [*numbered(durable), *([b'{"n":9}'] if "truncate" in broken else [])]  # as the kernel shows it
    with path.open("rb") as kept:  # its number is not given to another file
        touched = watch_writes(monkeypatch)
        with opened(folder) as (journal, report, lines):
            assert (lines, report.torn_tail_bytes, report.damaged) == (known, 0, ())
            commit(journal, [b'{"n":10}'])
            assert journal.last_lsn == len(known) + 1
        assert os.fstat(kept.fileno()).st_ino not in touched
    with opened(folder) as (_, report, lines):
        assert (lines, report.missing, report.damaged) == ([*known, b'{"n":10}'], (), ())


def watch_writes(monkeypatch) -> set[int]:
    """The numbers of the files that are opened through the disk from now on."""
    touched = set()

    def note(self, path, flags, real=Disk.open):
        file = real(self, path, flags)
        touched.add(os.fstat(file).st_ino)
        return file

    monkeypatch.setattr(Disk, "open", note)
    return touched


@pytest.mark.fault(7)
def test_torn_tail_of_a_file_whose_sync_failed_is_left_out_of_its_copy(folder):
    positions = write_journal(folder, 3)
    (path,) = segment_paths(folder)
    path.write_bytes(path.read_bytes()[:-5])
    path.chmod(0o444)
    with opened(folder) as (journal, report, lines):
        assert (lines, report.damaged, journal.last_lsn) == (numbered(2), (), 2)
        assert report.torn_tail_bytes == positions[3].offset - positions[2].offset - 5
        commit(journal, [b'{"n":3}'])
    with opened(folder) as (_, report, lines):
        assert (lines, report.torn_tail_bytes) == (numbered(3), 0)


@pytest.mark.fault(7)
def test_segment_that_could_not_be_cut_back_breaks_the_journal(folder, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with opened(folder) as (journal, _, _):
        monkeypatch.setattr(Disk, "write", fail)
        monkeypatch.setattr(Disk, "truncate", fail)
        with pytest.raises(StorageBroken, match="could not be undone"):
            commit(journal, [b'{"n":1}'])
        monkeypatch.undo()


@pytest.mark.fault(8)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "sync_folder"])
def test_segment_that_cannot_be_begun_leaves_no_file_and_the_next_group_begins_it(folder, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with opened(folder, max_segment_bytes=300) as (journal, _, _):
        for line in numbered(2):
            commit(journal, [line])
        monkeypatch.setattr(Disk, call, fail)
        with pytest.raises(Refusal):
            commit(journal, [b'{"n":3}'])
        monkeypatch.undo()
        assert len(segment_paths(folder)) == 1
        commit(journal, [b'{"n":3}'])
        assert [path.stem for path in segment_paths(folder)] == [f"{number:020}" for number in (1, 3)]
        assert [batch.lsn for batch in journal.batches(0)] == [1, 2, 3]
