from datetime import UTC, datetime

import pytest

from logweir_service.find import ActiveIndex, Asked, Stories
from logweir_service.journal import DataFolder, Journal, JournalReader, crc32
from tests.service.find.index.scanned import Scanned


def line(correlation_id, second, note=""):
    return b'{"timestamp":"2026-09-21T14:13:%02dZ","correlation_id":"%s","note":"%s"}' % (
        second,
        correlation_id.encode(),
        note.encode(),
    )


@pytest.fixture
def parts(tmp_path):
    """A journal of small segments with an index that is told of every batch, as the pipeline does."""
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=500)
    journal.recover(lambda located, segment: None)
    index = ActiveIndex()

    def commit(*lines):
        text = b"".join(each + b"\n" for each in lines)
        group = journal.begin(1_790_000_000.0)
        journal.append(group, text, count=len(lines), lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
        ids = {each.split(b'"')[7].decode() for each in lines}
        index.note(group.segment_first_lsn, group.offset, ids)

    yield journal, index, commit
    journal.close()


def seconds(events):
    return [event.line[31:33] for event in events]


def test_story_is_found_across_segments_in_the_order_of_its_timestamps(parts):
    journal, index, commit = parts
    for second in (30, 10, 50, 20, 40):
        commit(line("other", second), line("wanted", second))
        commit(line("other", second), line("other", second, "wanted"))
    assert len(list(journal.reader._folder.iterdir())) > 2
    found = Stories(journal.reader, index)("wanted")
    assert seconds(found) == [b"10", b"20", b"30", b"40", b"50"]
    assert {event.index for event in found} == {1}


def test_reader_without_an_index_finds_the_same(parts, tmp_path):
    journal, index, commit = parts
    for second in (30, 10, 20):
        commit(line("wanted", second), line("other", second))
    folder = DataFolder(tmp_path)
    alone = Stories(JournalReader(folder.journal, folder.identify()))
    assert alone("wanted") == Stories(journal.reader, index)("wanted")


def test_only_the_exact_id_is_found(parts):
    journal, index, commit = parts
    commit(line("abc", 1), line("abcd", 2), line("x", 3, "abc"))
    stories = Stories(journal.reader, index)
    assert seconds(stories("abc")) == [b"01"]
    for pattern in ("ab", "abc.*", "%", "*", "' OR 1=1"):
        assert stories(pattern) == []


def test_id_many_times_in_one_batch_is_found_once_each(parts):
    journal, index, commit = parts
    commit(line("a", 1), line("a", 2), line("b", 3))
    assert len(Stories(journal.reader, index)("a")) == 2


@pytest.mark.parametrize(
    "odd",
    [
        b'{"timestamp":"bad","correlation_id":"c1","timestamp":"2026-09-21t14:13:20z"}',
        b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":5,"correlation_id":"c1"}',
        b'{"timestamp":"2026-09-21T14:13:20Z","n":%s,"correlation_id":5,"correlation_id":"c1"}'
        % (b"9" * 5000),
        b'{"timestamp":"2026-09-21T14:13:20","correlation_id":"c1"}',
    ],
)
def test_a_line_that_a_strict_reader_refuses_is_part_of_its_story(parts, odd):
    journal, index, commit = parts
    commit(line("c1", 10), line("c1", 30))
    group = journal.begin(datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC).timestamp())
    journal.append(group, odd + b"\n", count=1, lines_crc32=crc32(odd + b"\n"))
    journal.write(group)
    journal.settle(group)
    index.note(group.segment_first_lsn, group.offset, {"c1"})
    found = Stories(journal.reader, index)("c1")
    assert [event.line for event in found] == [line("c1", 10), odd, line("c1", 30)]


def test_a_line_that_cannot_be_read_at_all_is_passed_over():
    assert seconds(Stories(Scanned([b'{"correlation_id":"c1",', line("c1", 1)]))("c1")) == [b"01"]


def test_of_a_long_story_no_more_is_held_than_was_asked_for():
    lines = [line("c1", number * 7 % 60) for number in range(500)]
    scan = Scanned(lines)
    assert seconds(Stories(scan)("c1", limit=3)) == [b"00"] * 3
    assert scan.most_held < 10


def test_a_story_can_be_walked_through_without_being_held():
    scan = Scanned([line("c1", 1)] * 500)
    for event in Stories(scan).stored("c1"):
        assert event.line
    assert scan.most_held < 10


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ("caf\u00e9", b"caf\\u00E9"),
        ("a-1", b"\\u0061-1"),
        ("123", b"\\u003123"),
        ("a&b", b"a\\u0026b"),
        ("/\u65e5", b"\\/\\u65e5"),
    ],
)
def test_id_whose_characters_were_sent_as_numbers_is_found_without_an_index(parts, wanted, written):
    journal, _, commit = parts
    line_with_it = b'{"timestamp":"2026-09-21T14:13:10Z","correlation_id":"%s","event_id":"%s"}'
    commit(line_with_it % (b"other", written), line("other", 20))
    found = Stories(journal.reader)
    for _ in range(2):
        page = found.read(found.plan(Asked(wanted, "event_id")))
        assert seconds(page.events) == [b"10"]
        while len(journal.reader.segments()) == 1:
            commit(line("other", 30))
