import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.find.query.cursor import Place, read_place
from logweir_service.find.query.query import Query
from logweir_service.find.query.scan import Bounds, Found, Looked, Scan
from logweir_service.journal import DataFolder, newest_first
from tests.service.journal.packed import pack_sealed
from tests.service.journal.written import commit, flip, opened, segment_paths

BEGAN = datetime(2026, 9, 21, 14, tzinfo=UTC)


def line(number, *, level="info", second=None, note=""):
    at = BEGAN + timedelta(seconds=number if second is None else second)
    members = {"timestamp": at.isoformat(), "level": level, "n": number, "note": note}
    return json.dumps(members, separators=(",", ":")).encode()


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


def written(folder, *batches, max_segment_bytes=1000):
    """Each batch is received at the second that its last event tells."""
    with opened(folder, max_segment_bytes=max_segment_bytes) as (journal, _, _):
        for batch in batches:
            last = json.loads(batch[-1])["timestamp"] if batch else BEGAN.isoformat()
            commit(journal, batch, received=datetime.fromisoformat(last).timestamp())
    return folder.journal


def numbered(count, *, per_batch=3, **more):
    lines = [line(number, **more) for number in range(count)]
    return [lines[first : first + per_batch] for first in range(0, count, per_batch)]


def scanned(journal, query=None, *, span=lambda _: None, ticks=lambda: 0.0, last_lsn=None, **bounds):
    """What is found, by its number, and what was looked at in the end."""
    scan = Scan(
        newest_first(journal, last_lsn=last_lsn), query or Query(), Bounds(**bounds), span=span, ticks=ticks
    )
    told = [*scan]
    assert isinstance(told[-1], Looked)
    return [json.loads(each.line)["n"] for each in told if isinstance(each, Found)], told[-1]


def test_events_come_newest_first_over_all_segments(folder):
    journal = written(folder, *numbered(100))
    assert len(segment_paths(folder)) > 3
    found, looked = scanned(journal)
    assert found == [*reversed(range(100))]
    assert (looked.events, looked.share, looked.next, looked.partial) == (100, 1.0, None, None)
    assert looked.oldest == (BEGAN + timedelta(seconds=2)).timestamp()


def test_only_what_the_query_accepts_is_found(folder):
    journal = written(folder, *numbered(50), [line(50, level="error")], *numbered(5))
    assert scanned(journal, Query("level:error"))[0] == [50]
    assert scanned(journal, Query(where='level == "error" and n < 50'))[0] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 99, 100, 1000])
def test_pages_joined_are_the_whole(folder, limit):
    journal = written(folder, *numbered(100))
    pages, before = [], None
    while True:
        found, looked = scanned(journal, limit=limit, before=before)
        assert len(found) <= limit
        pages += found
        if looked.next is None:
            break
        before = read_place(str(looked.next))
    assert pages == [*reversed(range(100))]


def test_a_page_holds_only_so_many_bytes_and_what_is_left_comes_with_the_next(folder):
    journal = written(folder, *([line(number, note="x" * 250_000)] for number in range(100)))
    found, looked = scanned(journal)
    assert found == [*reversed(range(100))][: len(found)]
    assert 16 << 20 <= len(found) * 250_000 < 17 << 20
    assert scanned(journal, before=looked.next)[0][0] == found[-1] - 1


def test_a_page_that_is_full_has_looked_no_further(folder):
    journal = written(folder, *numbered(100))
    found, looked = scanned(journal, limit=4)
    assert found == [99, 98, 97, 96]
    assert looked.events == 4  # the batches of 99, and of 96 to 98


def test_time_range_is_of_the_events_own_clock_from_since_on_and_before_until(folder):
    journal = written(folder, *numbered(100))
    since, until = BEGAN + timedelta(seconds=20), BEGAN + timedelta(seconds=30)
    found, looked = scanned(journal, since=since, until=until)
    assert found == [*reversed(range(20, 30))]
    assert (looked.next, looked.partial) == (None, None)


def test_what_came_late_is_found_where_it_was_stored(folder):
    late = line(1000, second=-7200)
    journal = written(folder, *numbered(50), [late, line(51)], *numbered(5))
    assert scanned(journal, until=BEGAN)[0] == [1000]


def test_a_sender_whose_clock_is_a_little_ahead_is_found(folder):
    ahead = [line(1000, second=3000), line(0)]
    journal = written(folder, ahead, *numbered(200))
    assert scanned(journal, since=BEGAN + timedelta(seconds=2900))[0] == [1000]


def test_segments_received_long_before_the_range_are_not_read(folder):
    days = [[line(number, second=number * 86_400)] for number in range(30)]
    journal = written(folder, *days, max_segment_bytes=200)
    found, looked = scanned(journal, since=BEGAN + timedelta(days=27))
    assert found == [29, 28, 27]
    assert looked.events <= 4


def test_segments_whose_events_are_known_to_be_of_another_time_are_not_read(folder):
    journal = written(folder, *numbered(100))
    segments = {each.first_lsn: [*each.batches(1 << 40)] for each in newest_first(journal)}
    spans = {}
    for first_lsn, batches in segments.items():
        numbers = [json.loads(one)["n"] for each in batches for one in each.lines.splitlines()]
        spans[first_lsn] = ((BEGAN.timestamp() + min(numbers)), (BEGAN.timestamp() + max(numbers)))
    until = BEGAN + timedelta(seconds=30)
    found, looked = scanned(journal, span=spans.get, since=BEGAN + timedelta(seconds=28), until=until)
    assert found == [29, 28]
    assert looked.events < 30


def test_what_time_is_out_is_partial_and_says_where_to_go_on(folder):
    journal = written(folder, *numbered(100))
    clock = itertools.count()
    pages, before, partials = [], None, []
    while True:
        found, looked = scanned(journal, ticks=lambda: next(clock) % 60, deadline=40, before=before)
        pages += found
        partials.append(looked.partial)
        if looked.next is None:
            break
        before = looked.next
    assert pages == [*reversed(range(100))]
    assert set(partials[:-1]) == {"deadline"}
    assert len(partials) > 2
    assert partials[-1] is None


def test_without_any_time_one_batch_is_looked_at_and_the_next_can_be_gone_on_with(folder):
    journal = written(folder, *numbered(10))
    found, looked = scanned(journal, deadline=0)
    assert (found, looked.events, looked.partial) == ([9], 1, "deadline")
    found, looked = scanned(journal, deadline=0, before=looked.next)
    assert (found, looked.events, looked.partial) == ([8, 7, 6], 3, "deadline")
    assert scanned(journal, before=read_place(str(looked.next)))[0] == [*reversed(range(6))]


def test_progress_is_told_and_grows(folder):
    journal = written(folder, *numbered(100))
    clock = itertools.count()
    scan = Scan(newest_first(journal), Query("level:error"), Bounds(), ticks=lambda: next(clock) / 10)
    told = [*scan]
    assert len(told) > 5
    assert [each.events for each in told] == sorted(each.events for each in told)
    assert [each.share for each in told] == sorted(each.share for each in told)
    assert [each.oldest for each in told] == sorted((each.oldest for each in told), reverse=True)


def test_compressed_segments_are_read_alike(folder):
    journal = written(folder, *numbered(100))
    plain = [each for each in Scan(newest_first(journal), Query(), Bounds()) if isinstance(each, Found)]
    assert len(pack_sealed(folder)) > 3
    packed = [each for each in Scan(newest_first(journal), Query(), Bounds()) if isinstance(each, Found)]
    assert packed == plain
    assert len(packed) == 100


@pytest.mark.fault(16)
def test_segments_that_are_compressed_meanwhile_hide_nothing(folder):
    journal = written(folder, *numbered(100))
    told: list[Found | Looked] = []
    for each in Scan(newest_first(journal), Query(), Bounds()):
        if not told:
            pack_sealed(folder)
        told.append(each)
    assert [json.loads(each.line)["n"] for each in told if isinstance(each, Found)] == [*reversed(range(100))]
    assert isinstance(told[-1], Looked)
    assert told[-1].partial is None


@pytest.mark.fault(16)
def test_segments_that_retention_removes_meanwhile_are_said_to_be_missing(folder):
    journal = written(folder, *numbered(100))
    segments = newest_first(journal)
    told: list[Found | Looked] = []
    for each in Scan(segments, Query(), Bounds()):
        if not told:
            for path in segment_paths(folder)[:-2]:
                path.unlink()
        told.append(each)
    found = [json.loads(each.line)["n"] for each in told if isinstance(each, Found)]
    assert found == [*reversed(range(100))][: len(found)]
    assert 0 < len(found) < 100
    assert isinstance(told[-1], Looked)
    assert (told[-1].partial, told[-1].next) == ("removed", None)
    assert scanned(journal) == (found, scanned(journal)[1])
    assert scanned(journal)[1].partial is None


def test_a_damaged_batch_hides_no_other(folder):
    journal = written(folder, *numbered(30))
    path = segment_paths(folder)[1]
    content = path.read_bytes()
    damaged = json.loads(content.split(b"\n")[6])["n"] // 3 * 3
    flip(path, content.index(b'"n":%d,' % damaged) - 1)
    hidden = {damaged, damaged + 1, damaged + 2}
    assert scanned(journal)[0] == [number for number in reversed(range(30)) if number not in hidden]
    path.write_bytes(content.replace(b'{"_commit":{"lsn"', b'{"_commit:{"lsn"', 1))
    assert len(scanned(journal)[0]) == 27


def test_a_batch_that_is_being_written_is_the_end(folder):
    journal = written(folder, *numbered(30))
    path = segment_paths(folder)[-1]
    content = path.read_bytes()
    for cut in range(1, 400):
        path.write_bytes(content[:-cut])
        found, _ = scanned(journal)
        assert found == [*range(found[0], -1, -1)]
        assert found[0] % 3 == 2


def test_nothing_behind_the_last_durable_commit_is_shown(folder):
    journal = written(folder, *numbered(30))
    assert scanned(journal, last_lsn=4)[0] == [*reversed(range(12))]


def test_batches_longer_than_what_is_read_in_one_go_are_read_too(folder):
    lengths = (100, 600_000, 2_100_000, 600_000, 600_000, 1_100_000, 100, 100)
    lines = [[line(number, note="x" * length)] for number, length in enumerate(lengths)]
    assert scanned(written(folder, *lines, max_segment_bytes=1 << 30))[0] == [7, 6, 5, 4, 3, 2, 1, 0]


def test_an_empty_journal_is_looked_through_at_once(folder):
    journal = written(folder)
    found, looked = scanned(journal)
    assert (found, looked.oldest, looked.next) == ([], None, None)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=12),
    st.sampled_from([150, 400, 100_000]),
    st.integers(1, 5),
)
def test_any_journal_is_read_like_by_a_plain_loop(tmp_path_factory, batches, segment_bytes, limit):
    folder = DataFolder(tmp_path_factory.mktemp("scan") / "data")
    count = itertools.count()
    lines = [[line(next(count), note=note) for note in batch] for batch in batches]
    journal = written(folder, *lines, max_segment_bytes=segment_bytes)
    expected = [json.loads(one)["n"] for batch in lines for one in batch if b'"note":"a"' in one]
    pages, before = [], None
    while True:
        found, looked = scanned(journal, Query("note:a"), limit=limit, before=before)
        pages += found
        if (before := looked.next) is None:
            break
    assert pages == expected[::-1]


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":1", "1:-1", "-1:0", "1:0 ", "\u0661:0", "01:0", "9" * 19 + ":0", "a:b"]
)
def test_a_cursor_that_was_never_handed_out_is_refused(text):
    with pytest.raises(ValueError, match="none that was handed out"):
        read_place(text)


def test_a_cursor_reads_back():
    assert read_place(str(Place(4711, 3))) == Place(4711, 3)
