"""The journal after a power cut, in one process: no service is started, so that every byte can be tried."""

import pytest

from logweir_service.journal import DataFolder, Journal, crc32
from tests.faults.ledger import Ledger, read_ledger
from tests.faults.watched_disk import Trouble, WatchedDisk


class Killed(BaseException):
    """The process is no more."""


class DyingDisk(WatchedDisk):
    """Ends before the first sync of a segment that has batches."""

    def fdatasync(self, file):
        raise Killed


def opened(tmp_path, kind=WatchedDisk):
    journal = Journal(DataFolder(tmp_path / "data", disk=kind(Ledger(tmp_path), Trouble())))
    journal.recover(lambda *_: None)
    return journal


def commit(journal, *batches):
    group = journal.begin(1_790_000_000.25)
    for lines in batches:
        journal.append(group, lines, count=lines.count(b"\n"), lines_crc32=crc32(lines))
    journal.write(group)
    journal.settle(group)


@pytest.mark.fault(2, 54)
def test_batch_that_a_kill_left_unsynced_is_durable_once_it_was_read(tmp_path):
    journal = opened(tmp_path, DyingDisk)
    with pytest.raises(Killed):
        commit(journal, b'{"n":1}\n')
    journal.close()
    again = opened(tmp_path)
    (segment,) = (tmp_path / "data" / "journal").iterdir()
    assert again.last_lsn == 1
    assert read_ledger(tmp_path).sizes[segment] == segment.stat().st_size
    again.close()
