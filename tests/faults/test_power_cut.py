"""The journal after a power cut, in one process: no service is started, so that every byte can be tried."""

import random
from itertools import pairwise

import pytest

from logweir_service.disk import Disk
from logweir_service.journal import DataFolder, Journal, crc32
from tests.faults.ledger import Ledger, read_ledger
from tests.faults.watched_disk import Trouble, WatchedDisk

RECEIVED = 1_790_000_000.25
DURABLE = [b'{"n":%d}\n' % n for n in range(3)]
"""Batches that were synced, each in a group of its own."""
NEW = b'{"n":"behind"}\n'


class Killed(BaseException):
    """The process is no more."""


class DyingDisk(WatchedDisk):
    """Ends before the sync of a segment with batches."""

    def fdatasync(self, file):
        for each in [*self._paths]:
            self.close(each)
        raise Killed


class HastyDisk(Disk):
    """Syncs nothing: what a test reads back was never in danger."""

    def fdatasync(self, file):
        pass

    def fsync(self, file):
        pass

    def sync_folder(self, path):
        pass


def opened(folder, disk, apply=lambda *_: None):
    journal = Journal(DataFolder(folder, disk=disk))
    return journal, journal.recover(apply)


def commit(journal, *batches):
    group = journal.begin(RECEIVED)
    for lines in batches:
        journal.append(group, lines, count=lines.count(b"\n"), lines_crc32=crc32(lines))
    journal.write(group)
    journal.settle(group)


class Tail:
    """A journal whose last group of three batches was written and not synced when the power went."""

    def __init__(self, folder, unsynced):
        self.folder = folder
        self.unsynced = unsynced
        journal, _ = opened(folder, HastyDisk())
        for lines in DURABLE:
            commit(journal, lines)
        (self.segment,) = folder.joinpath("journal").iterdir()
        self.durable_bytes = self.segment.stat().st_size
        commit(journal, *unsynced)
        self.whole = self.segment.read_bytes()
        journal.close()

    @property
    def tail(self):
        return self.whole[self.durable_bytes :]

    def becomes(self, tail):
        """Start on this tail, and check that what was durable is there, that nothing is half there, that
        nothing is called damage, and that the journal goes on."""
        self.segment.write_bytes(self.whole[: self.durable_bytes] + tail)
        found = []
        journal, recovery = opened(self.folder, HastyDisk(), lambda located, _: found.append(located.lines))
        assert recovery.damaged == ()
        assert found[: len(DURABLE)] == DURABLE
        survivors = found[len(DURABLE) :]
        assert survivors == self.unsynced[: len(survivors)]
        commit(journal, NEW)
        journal.close()
        again = []
        journal, recovery = opened(self.folder, HastyDisk(), lambda located, _: again.append(located.lines))
        journal.close()
        assert again == [*found, NEW]
        assert (recovery.damaged, recovery.torn_tail_bytes) == ((), 0)
        return len(survivors)


@pytest.fixture
def short(tmp_path):
    return Tail(tmp_path / "data", [b'{"new":%d}\n' % n * (n + 1) for n in range(3)])


@pytest.fixture
def long(tmp_path):
    dice = random.Random(4)
    return Tail(
        tmp_path / "data", [b'{"new":"%s"}\n' % dice.randbytes(2800).hex().encode() for _ in range(3)]
    )


@pytest.mark.fault(3)
def test_tail_cut_at_every_byte_keeps_whole_batches_and_loses_nothing_durable(short):
    survivors = [short.becomes(short.tail[:size]) for size in range(len(short.tail) + 1)]
    assert survivors == sorted(survivors)
    assert {*survivors} == {0, 1, 2, 3}


@pytest.mark.fault(4)
@pytest.mark.parametrize("left", ["zeros", "garbage", "zeros and more of them"])
def test_tail_replaced_from_every_byte_on_keeps_whole_batches_and_loses_nothing_durable(short, left):
    dice = random.Random(left)
    for kept in range(len(short.tail)):
        size = len(short.tail) - kept
        rest = dice.randbytes(size) if left == "garbage" else bytes(size)
        more = bytes(dice.randrange(5000)) if left == "zeros and more of them" else b""
        short.becomes(short.tail[:kept] + rest + more)


@pytest.mark.fault(4)
@pytest.mark.parametrize("size", [512, 4096])
def test_tail_that_lost_sectors_keeps_the_batches_before_them_and_is_not_taken_for_damage(long, size):
    first = size - long.durable_bytes % size
    sectors = [*pairwise([0, *range(first, len(long.tail), size), len(long.tail)])]
    dice = random.Random(size)
    some = [dice.sample(sectors, dice.randint(2, len(sectors))) for _ in range(100)]
    for lost in (*([each] for each in sectors), *some):
        tail = bytearray(long.tail)
        for start, end in lost:
            tail[start:end] = bytes(end - start)
        long.becomes(bytes(tail))


@pytest.mark.fault(2, 54)
def test_batch_that_a_kill_left_unsynced_is_durable_once_it_was_read(tmp_path):
    data = tmp_path / "data"
    folder = DataFolder(data, disk=DyingDisk(Ledger(tmp_path), Trouble()))
    journal = Journal(folder)
    journal.recover(lambda *_: None)
    with pytest.raises(Killed):
        commit(journal, NEW)
    folder.release()
    again, recovery = opened(data, WatchedDisk(Ledger(tmp_path), Trouble()))
    (segment,) = data.joinpath("journal").iterdir()
    assert recovery.batches == 1
    promised = read_ledger(tmp_path)
    assert promised.sizes[segment] == segment.stat().st_size
    assert not [each for each in promised.changes if each.path == segment]
    again.close()
