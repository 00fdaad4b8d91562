import errno
import os

import pytest

from logweir_service.disk import Disk
from logweir_service.journal import RESTORED_GAP, Position

from .written import commit, damage, flip, numbered, opened, segment_paths, write_journal

SMALL = 300
"""Bytes after which a segment is followed by another: two commits each."""


def test_only_what_stands_behind_the_position_is_read_again(folder):
    positions = write_journal(folder, 9, max_segment_bytes=SMALL)
    for position in positions:
        with opened(folder, position=position, max_segment_bytes=SMALL) as (journal, report, lines):
            assert lines == numbered(9)[position.last_lsn :]
            assert (report.damaged, report.missing, journal.last_lsn) == ((), (), 9)
            assert journal.position == positions[-1]


def test_position_that_fits_no_commit_reads_its_segment_from_the_start_and_counts_nothing_twice(folder):
    *_, fifth, _, _, _ = write_journal(folder, 8)
    for offset in (fifth.offset - 1, fifth.offset + 1, 7):
        with opened(folder, position=fifth._replace(offset=offset)) as (journal, report, lines):
            assert lines == numbered(3, first=6)
            assert (report.damaged, report.missing, journal.last_lsn) == ((), (), 8)


@pytest.mark.fault(5)
def test_segment_set_aside_below_the_position_shifts_nothing_behind_it(folder):
    positions = write_journal(folder, 6)
    damage(segment_paths(folder)[0], b'{"n":2}')
    with opened(folder):
        pass  # takes the damaged batch out, so that all behind it stands elsewhere
    with opened(folder, position=positions[4]) as (journal, report, lines):
        assert lines == numbered(2, first=5)
        assert (report.damaged, journal.last_lsn) == ((), 6)


@pytest.mark.fault(5)
def test_damage_below_and_behind_the_position_in_one_segment_loses_only_the_damaged(folder):
    positions = write_journal(folder, 9)
    (path,) = segment_paths(folder)
    damage(path, b'{"n":2}')
    damage(path, b'{"n":6}')
    with opened(folder, position=positions[4]) as (journal, report, lines):
        assert lines == [b'{"n":5}', b'{"n":7}', b'{"n":8}', b'{"n":9}']
        assert len(report.damaged) == 1
        assert "commits 6 to 6 are missing" in report.missing[0]
        commit(journal, [b'{"after":1}'])
    with opened(folder) as (_, _, lines):
        assert lines[-1] == b'{"after":1}'


@pytest.mark.fault(5)
def test_damage_in_a_sealed_segment_below_the_position_is_not_looked_at(folder):
    positions = write_journal(folder, 9, max_segment_bytes=SMALL)
    first = segment_paths(folder)[0]
    damage(first, b'{"n":1}')
    before = first.read_bytes()
    with opened(folder, position=positions[6]) as (_, report, lines):
        assert lines == numbered(3, first=7)
        assert (report.damaged, report.missing) == ((), ())
    assert first.read_bytes() == before


@pytest.mark.fault(5)
@pytest.mark.parametrize("place", [0, 3, 60, "lsn"])
def test_unreadable_header_of_the_last_segment_costs_no_batch(folder, place):
    """A header is durable before the first batch is written, so it cannot be torn where one stands behind."""
    positions = write_journal(folder, 3)
    (path,) = segment_paths(folder)
    content = path.read_bytes()
    if place == 60:  # a digit of the journal's identity that is none any more
        path.write_bytes(content.replace(b"-", b"?", 1))
    else:
        flip(path, content.index(b":1}}") + 1 if place == "lsn" else place)
    for position in (None, positions[2]):
        damaged = path.read_bytes()
        with opened(folder, position=position) as (journal, report, lines):
            assert lines == numbered(3)[position.last_lsn if position else 0 :]
            assert (journal.last_lsn, len(report.damaged), report.torn_tail_bytes) == (3, 1, 0)
            assert report.missing == ()
        assert path.read_bytes() == content
        path.write_bytes(damaged)


def test_header_alone_that_is_torn_is_written_anew(folder):
    write_journal(folder, 0)
    (path,) = segment_paths(folder)
    content = path.read_bytes()
    path.write_bytes(content[:20] + bytes(40))
    with opened(folder) as (_, report, _):
        assert (report.torn_tail_bytes, report.damaged) == (60, ())
    assert path.read_bytes() == content


@pytest.mark.fault(5)
def test_unreadable_header_of_a_sealed_segment_costs_no_batch(folder):
    write_journal(folder, 9, max_segment_bytes=SMALL)
    flip(segment_paths(folder)[1], 3)
    with opened(folder) as (_, report, lines):
        assert lines == numbered(9)
        assert (len(report.damaged), report.missing) == (1, ())


@pytest.mark.fault(3)
def test_tail_torn_behind_a_position_is_cut_there_and_never_before_it(folder):
    positions = write_journal(folder, 4)
    (path,) = segment_paths(folder)
    content = path.read_bytes()
    for size in range(positions[3].offset, len(content)):
        path.write_bytes(content[:size])
        with opened(folder, position=positions[3]) as (journal, report, lines):
            assert (lines, report.torn_tail_bytes) == ([], size - positions[3].offset)
            assert (report.damaged, report.missing, journal.last_lsn) == ((), (), 3)


@pytest.mark.fault(5)
def test_journal_that_ends_before_the_position_says_so_and_gives_no_number_twice(folder):
    positions = write_journal(folder, 4)
    (path,) = segment_paths(folder)
    content = path.read_bytes()
    for size in (positions[2].offset, positions[2].offset + 9, 0):
        path.write_bytes(content[:size])
        with opened(folder, position=positions[4]) as (journal, report, _):
            assert report.lost_end
            assert "ends before commit 4, which a checkpoint knows" in report.missing[-1]
            assert report.torn_tail_bytes == 0  # what a checkpoint covers was durable, so it is kept
            commit(journal, [b'{"n":5}'])
            assert journal.last_lsn == 4 + RESTORED_GAP + 1
        for each in segment_paths(folder)[1:]:
            each.unlink()


@pytest.mark.fault(5)
def test_journal_whose_segments_are_gone_behind_a_checkpoint_says_so(folder):
    positions = write_journal(folder, 4)
    segment_paths(folder)[0].unlink()
    with opened(folder, position=positions[4]) as (journal, report, _):
        assert report.lost_end
        commit(journal, [b'{"n":5}'])
    assert [path.name for path in segment_paths(folder)] == [f"{4 + RESTORED_GAP + 1:020}.ndjson"]


def test_gap_before_the_position_is_no_news_and_one_behind_it_is(folder):
    positions = write_journal(folder, 9, max_segment_bytes=SMALL)
    segment_paths(folder)[1].unlink()  # commits 3 and 4
    with opened(folder, position=positions[6]) as (_, report, _):
        assert report.missing == ()
    with opened(folder, position=positions[2]) as (_, report, lines):
        assert "commits 3 to 4 are missing" in report.missing[0]
        assert lines == numbered(5, first=5)


@pytest.mark.fault(2, 5)
def test_death_between_the_second_name_and_the_replacement_is_mended_by_the_next_start(folder):
    write_journal(folder, 9, max_segment_bytes=SMALL)
    sealed = segment_paths(folder)[1]
    damage(sealed, b'{"n":3}')
    damaged = sealed.read_bytes()
    os.link(sealed, sealed.with_suffix(".corrupt"))
    sealed.with_suffix(".tmp").write_bytes(damaged[:50])
    with opened(folder) as (_, report, lines):
        assert len(report.damaged) == 1
        assert lines == [b'{"n":1}', b'{"n":2}', *numbered(6, first=4)]
    assert [path.read_bytes() for path in folder.journal.glob("*.corrupt")] == [damaged]
    assert not [*folder.journal.glob("*.tmp")]


@pytest.mark.fault(5)
def test_segment_that_is_damaged_twice_is_kept_both_times(folder):
    write_journal(folder, 9, max_segment_bytes=SMALL)
    sealed = segment_paths(folder)[1]
    kept = set()
    for line in (b'{"n":3}', b'{"n":4}'):
        damage(sealed, line)
        kept.add(sealed.read_bytes())
        with opened(folder):
            pass
    assert {path.read_bytes() for path in folder.journal.glob("*.corrupt")} == kept
    assert len(segment_paths(folder)) == 5


@pytest.mark.fault(9)
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_disk_that_fails_while_a_segment_is_set_aside_leaves_it_and_no_half_copy(folder, call, monkeypatch):
    write_journal(folder, 9, max_segment_bytes=SMALL)
    sealed = segment_paths(folder)[1]
    damage(sealed, b'{"n":3}')
    damaged = sealed.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Disk, call, full)
    with pytest.raises(OSError, match="No space"), opened(folder):
        pass
    assert sealed.read_bytes() == damaged
    assert not [*folder.journal.glob("*.tmp")]
    monkeypatch.undo()
    with opened(folder) as (_, report, lines):
        assert (len(lines), len(report.damaged)) == (8, 1)


def test_position_in_a_segment_that_was_removed_reads_what_is_there(folder):
    write_journal(folder, 9, max_segment_bytes=SMALL)
    segment_paths(folder)[0].unlink()
    with opened(folder, position=Position(2, 1, 290)) as (_, report, lines):
        assert lines == numbered(7, first=3)
        assert report.missing == ()
