import itertools
from math import inf

import pytest

from logweir_service.event import StoredBatch
from logweir_service.journal import History, JournalReader
from logweir_service.journal.segment import Segment, SegmentReader, header_of, segments

from .packed import pack, pack_sealed
from .written import RECEIVED, commit, flip, numbered, opened, segment_paths, write_journal


def both_forms(folder):
    write_journal(folder, 12, max_segment_bytes=500)
    before = [*JournalReader(folder.journal, folder.identify()).batches(0)]
    return before, pack_sealed(folder)


def test_every_reader_gives_the_same_of_either_form(folder):
    before, packed = both_forms(folder)
    reader = JournalReader(folder.journal, folder.identify())
    assert len(packed) > 1
    assert [segment.is_packed for segment in segments(folder.journal)] == [*[True] * len(packed), False]
    assert [*reader.batches(0)] == before
    assert [*reader.batches(7)] == before[7:]
    assert [event.line for event in reader.containing(b'"n":3}')] == [b'{"n":3}']
    history = History(folder.journal, since=0)
    assert [located.lines for located in history] == [batch.lines for batch in before]
    assert history.read_bytes == history.total_bytes


def test_place_of_a_batch_is_the_same_but_for_the_longer_header(folder):
    write_journal(folder, 12, max_segment_bytes=500)
    first = segments(folder.journal)[0]
    plain = [located.offset for located in SegmentReader(first)]
    pack(first, folder.identify())
    header = header_of(first)
    assert header is not None
    assert (header.generation, header.due) == (1, inf)
    longer = len(',"generation":1')
    assert [located.offset - longer for located in SegmentReader(first)] == plain
    reader = JournalReader(folder.journal, folder.identify())
    found = [*reader.batches_between(1, plain[1] + longer, plain[2] + longer)]
    assert [batch.lines for batch in found] == [b'{"n":2}\n']


def test_segment_that_is_packed_between_listing_and_opening_is_read(folder):
    write_journal(folder, 12, max_segment_bytes=500)
    listed = segments(folder.journal)
    pack_sealed(folder)
    assert sum(1 for segment in listed for _ in SegmentReader(segment)) == 12


def test_restart_goes_on_behind_packed_segments(folder):
    _, packed = both_forms(folder)
    with opened(folder, max_segment_bytes=500) as (journal, recovery, lines):
        assert (lines, recovery.damaged, recovery.missing) == (numbered(12), (), ())
        commit(journal, [b'{"n":13}'])
    assert all(path.exists() for path in packed)


def test_restart_with_nothing_but_packed_segments_begins_a_new_one(folder):
    both_forms(folder)
    pack(segments(folder.journal)[-1], folder.identify())
    with opened(folder) as (journal, recovery, lines):
        assert (lines, recovery.missing) == (numbered(12), ())
        assert commit(journal, [b'{"n":13}']).first_lsn == 13
    assert [segment.is_packed for segment in segments(folder.journal)][-2:] == [True, False]


def test_leftovers_of_a_crash_are_removed_at_the_start_and_the_packed_form_counts(folder):
    _, packed = both_forms(folder)
    plain = packed[0].with_suffix("")
    plain.write_bytes(b"left over")
    unfinished = folder.journal / f"{packed[1].name}.tmp"
    unfinished.write_bytes(b"half")
    assert segments(folder.journal)[0].path == packed[0]
    with opened(folder) as (_, recovery, lines):
        assert (lines, recovery.damaged) == (numbered(12), ())
    assert not plain.exists()
    assert not unfinished.exists()


def test_identity_of_a_folder_is_found_in_packed_segments(folder):
    journal_id = (write_journal(folder, 12, max_segment_bytes=500), folder.identify())[1]
    for segment in segments(folder.journal):
        pack(segment, journal_id)
    (folder.path / "format.json").unlink()
    with opened(folder) as (journal, _, _):
        assert journal.identifier == journal_id


@pytest.mark.fault(5)
def test_damage_anywhere_in_a_packed_segment_is_set_aside_and_the_rest_is_read(folder):
    _, packed = both_forms(folder)
    content = packed[1].read_bytes()
    held = [located.lines for located in SegmentReader(segments(folder.journal)[1])]
    for place in range(0, len(content), 7):
        packed[1].write_bytes(content)
        flip(packed[1], place)
        with opened(folder) as (_, recovery, lines):
            lost = {*numbered(12)} - {*lines}
            assert lost <= {line.rstrip() for line in held}
            assert not lost or (recovery.damaged and recovery.missing)
        for aside in folder.journal.glob("*.corrupt"):
            assert aside.name.startswith(packed[1].name)
            aside.unlink()


@pytest.mark.fault(5)
def test_packed_segment_cut_anywhere_is_set_aside_once(folder):
    _, packed = both_forms(folder)
    content = packed[1].read_bytes()
    for size in range(0, len(content), 11):
        packed[1].write_bytes(content[:size])
        with opened(folder) as (_, recovery, lines):
            assert len(recovery.damaged) == 1
            assert {*lines} <= {*numbered(12)}
        with opened(folder) as (_, recovery, _):
            assert recovery.damaged == ()


def test_places_of_removed_events_are_kept_and_counted():
    batch = StoredBatch(3, RECEIVED, b'\n{"n":1}\n\n\n{"n":4}\n')
    assert [(event.index, event.line) for event in batch.events()] == [(1, b'{"n":1}'), (4, b'{"n":4}')]


def test_replay_without_a_checkpoint_tells_that_events_were_removed(folder):
    write_journal(folder, 3)
    path = segment_paths(folder)[0]
    content = path.read_bytes()
    thinned = content[: content.index(b"\n") + 1]
    for located in SegmentReader(Segment(path, 1)):
        left = b"" if located.commit.lsn == 2 else located.lines
        thinned += located.commit.with_lines(left) + left
    path.write_bytes(thinned)
    with opened(folder) as (_, recovery, lines):
        assert lines == [*itertools.chain(numbered(1), numbered(1, first=3))]
        assert len(recovery.missing) == 1
        assert "were removed" in recovery.missing[0]
