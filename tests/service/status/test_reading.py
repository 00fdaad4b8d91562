"""What is told of a journal's end must be what the next start makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.journal import DataFolder
from logweir_service.journal.segment import segments
from logweir_service.status.reading import read_end
from tests.service.journal.written import damage, flip, opened, segment_paths, write_journal


def told(folder, covered=None):
    found = read_end(segments(folder.journal), covered=covered, known_lsn=covered.last_lsn if covered else 0)
    return found.last_lsn, len(found.damage), found.resets


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


def test_a_whole_journal_is_told_to_its_end(folder):
    positions = write_journal(folder, 9)
    assert told(folder) == (9, 0, False)
    assert {told(folder, position) for position in positions} == {(9, 0, False)}


@pytest.mark.fault(5)
def test_damage_below_the_checkpoint_is_told_and_resets_nothing(folder):
    positions = write_journal(folder, 9)
    damage(segment_paths(folder)[-1], b'{"n":2}')
    assert told(folder, positions[5]) == (9, 1, False)


@pytest.mark.fault(5)
def test_damage_behind_the_checkpoint_is_told_with_what_a_start_does(folder):
    positions = write_journal(folder, 9)
    damage(segment_paths(folder)[-1], b'{"n":7}')
    assert told(folder, positions[5]) == (9, 1, True)
    damage(segment_paths(folder)[-1], b'{"n":2}')
    assert told(folder, positions[5]) == (9, 1, True)
    found = read_end(segments(folder.journal), covered=positions[5], known_lsn=5)
    assert found.damage[0].startswith(f"{segment_paths(folder)[-1].name}: no whole batch at byte ")


@pytest.mark.fault(5)
def test_damage_in_an_earlier_segment_behind_the_checkpoint_is_told_too(folder):
    positions = write_journal(folder, 9, max_segment_bytes=300)
    assert len(segment_paths(folder)) > 3
    damage(segment_paths(folder)[-2], b'{"n":7}')
    assert told(folder, positions[2]) == (9, 1, True)
    assert told(folder, positions[8]) == (9, 1, False)
    assert told(folder, positions[9]) == (9, 0, False)


@pytest.mark.fault(1)
def test_what_a_kill_left_of_a_batch_is_no_damage(folder):
    positions = write_journal(folder, 9)
    with segment_paths(folder)[-1].open("ab") as file:
        file.write(b'{"_commit":{"lsn":10,')
    assert told(folder, positions[9]) == (9, 0, False)


def test_a_journal_that_ends_before_its_checkpoint_is_told_as_short_as_it_is(folder):
    positions = write_journal(folder, 9)
    (path,) = segment_paths(folder)
    path.write_bytes(path.read_bytes()[: positions[4].offset])
    assert told(folder, positions[9])[0] == 4


@pytest.mark.fault(5)
@given(data=st.data())
def test_what_is_told_is_what_a_start_finds(tmp_path_factory, data):
    folder = DataFolder(tmp_path_factory.mktemp("one") / "data")
    positions = write_journal(folder, 9)
    (path,) = segment_paths(folder)
    covered = positions[data.draw(st.integers(0, 9))]
    end_of_header = path.read_bytes().index(b"\n") + 1  # before it a flip may read as another format
    flip(path, data.draw(st.just(3) | st.integers(end_of_header, path.stat().st_size - 1)))
    found = read_end(segments(folder.journal), covered=covered, known_lsn=covered.last_lsn)
    with opened(folder, position=covered) as (journal, recovery, _):
        assert found.resets == bool(recovery.missing)
        assert found.last_lsn == journal.last_lsn or recovery.lost_end
