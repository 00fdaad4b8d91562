import pytest

from logweir_service.disk import Disk
from logweir_service.journal import put_in_place, sidecar_of
from logweir_service.journal.rewriting import Damaged, joined, rewrite
from logweir_service.journal.segment import SegmentReader, header_of, segments
from tests.faults.failing_disk import FailingDisk, Fault

from .written import commit, damage, numbered, opened, segment_paths, write_journal


class Death(Exception):
    """The process ends here."""


class DyingDisk(Disk):
    """Ends the process before its nth call."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def _call(self):
        if self._left == 0:
            raise Death
        self._left -= 1

    def open(self, path, flags):
        self._call()
        return super().open(path, flags)

    def write(self, file, buffers):
        self._call()
        return super().write(file, buffers)

    def fsync(self, file):
        self._call()

    def replace(self, old, new):
        self._call()
        super().replace(old, new)

    def unlink(self, path):
        self._call()
        super().unlink(path)

    def sync_folder(self, path):
        self._call()


def thinned(located):
    """Without every second event."""
    lines = located.lines.split(b"\n")
    return joined([b"" if place % 2 else line for place, line in enumerate(lines)])


def compacted(folder, disk, *, edit=thinned, due=float("inf")):
    segment = segments(folder.journal)[0]
    rewrite(disk, segment, folder.identify(), edit=edit, due=due)
    return put_in_place(disk, segment, sidecar=sidecar_of(folder.index, segment.first_lsn))


def journal_of_two(folder):
    with opened(folder, max_segment_bytes=100) as (journal, _, _):
        commit(journal, [b'{"n":0}', b'{"n":1}', b'{"n":2}', b'{"n":3}'], [b'{"n":4}', b'{"n":5}'])
        commit(journal, [b'{"n":6}'])


def lines_of(folder):
    return [event for each in segments(folder.journal) for event in _events(each)]


def _events(segment):
    for located in SegmentReader(segment):
        yield from (
            (located.commit.lsn, index, line) for index, line in enumerate(located.lines.split(b"\n")) if line
        )


ALL = [
    *((1, number, b'{"n":%d}' % number) for number in range(4)),
    *((2, number - 4, b'{"n":%d}' % number) for number in (4, 5)),
    (3, 0, b'{"n":6}'),
]
THINNED = [ALL[0], ALL[2], ALL[4], ALL[6]]


def test_what_stays_keeps_its_place_and_the_commit_says_how_many_there_were(folder):
    journal_of_two(folder)
    assert compacted(folder, Disk(), due=1_800_000_000.5)
    assert lines_of(folder) == THINNED
    first = segments(folder.journal)[0]
    commits = [located.commit for located in SegmentReader(first)]
    assert [(each.lsn, each.count, each.size) for each in commits] == [(1, 4, 17), (2, 2, 8)]
    header = header_of(first)
    assert header is not None
    assert (header.generation, header.due) == (1, 1_800_000_000.5)
    assert compacted(folder, Disk())
    header = header_of(first)
    assert header is not None
    assert (header.generation, header.due) == (2, float("inf"))


def test_kill_at_any_step_leaves_all_events_or_those_that_stay(folder, tmp_path):
    journal_of_two(folder)
    folder.index.mkdir(exist_ok=True)
    plain = segment_paths(folder)[0]
    content, sidecar = plain.read_bytes(), sidecar_of(folder.index, 1)
    seen = []
    for calls in range(20):
        for left in folder.journal.glob("*.zst*"):
            left.unlink()
        plain.write_bytes(content)
        sidecar.write_bytes(b"of the plain one")
        try:
            compacted(folder, DyingDisk(calls))
        except Death:
            pass
        else:
            break
        seen.append(lines_of(folder))
        assert seen[-1] in (ALL, THINNED)
        with opened(folder) as (_, recovery, _):
            assert recovery.damaged == ()
        assert lines_of(folder) == seen[-1]
        assert [path.name for path in folder.journal.iterdir() if path.suffix == ".tmp"] == []
        assert len([*folder.journal.glob(f"{1:020}*")]) == 1
    assert ALL in seen
    assert THINNED in seen
    assert calls > 5
    assert not sidecar.exists()


def test_disk_that_fails_at_any_call_leaves_one_whole_segment(folder):
    journal_of_two(folder)
    plain = segment_paths(folder)[0]
    content = plain.read_bytes()
    for failing in range(1, 20):
        for left in folder.journal.glob("*.zst*"):
            left.unlink()
        plain.write_bytes(content)
        disk = FailingDisk(Fault(error=28, of=()), failing=failing)
        try:
            compacted(folder, disk)
        except OSError:
            assert lines_of(folder) in (ALL, THINNED)
            if disk.failed in ("open", "write", "fsync"):
                assert [*folder.journal.glob("*.tmp")] == []
        if not disk.failed:
            break
    assert failing > 5
    assert lines_of(folder) == THINNED


class TellingDisk(Disk):
    """Notes what is made durable, put in place and removed."""

    def __init__(self):
        self.calls = []

    def fsync(self, file):
        self.calls.append("sync")

    def replace(self, old, new):
        self.calls.append("replace")
        super().replace(old, new)

    def sync_folder(self, path):
        self.calls.append("sync folder")

    def unlink(self, path):
        self.calls.append("unlink")
        super().unlink(path)


def test_power_cut_at_any_step_leaves_one_whole_segment(folder):
    journal_of_two(folder)
    disk = TellingDisk()
    assert compacted(folder, disk)
    assert disk.calls == ["sync", "replace", "sync folder", "unlink"]


def test_segment_that_retention_has_removed_does_not_come_back(folder):
    journal_of_two(folder)
    segment = segments(folder.journal)[0]
    fresh = rewrite(Disk(), segment, folder.identify(), edit=thinned, due=0.0)
    segment.path.unlink()
    assert not put_in_place(Disk(), segment, sidecar=sidecar_of(folder.index, 1))
    assert not fresh.exists()
    assert [each.first_lsn for each in segments(folder.journal)] == [3]


def test_damaged_segment_is_left_as_it_is(folder):
    write_journal(folder, 5, max_segment_bytes=300)
    damage(segment_paths(folder)[0], b'{"n":1}')
    before = sorted(folder.journal.iterdir())
    with pytest.raises(Damaged, match="no whole batch at byte"):
        compacted(folder, Disk())
    assert sorted(folder.journal.iterdir()) == before


def test_numbers_go_on_behind_compacted_segments(folder):
    positions = write_journal(folder, 12, max_segment_bytes=500)
    compacted(folder, Disk(), edit=lambda located: b"")
    with opened(folder, position=positions[-1]) as (journal, recovery, lines):
        assert (lines, recovery.missing, recovery.damaged) == ([], (), ())
        assert commit(journal, numbered(1, first=13)).first_lsn == 13
