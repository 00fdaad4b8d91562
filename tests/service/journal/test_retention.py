import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.disk import Disk
from logweir_service.journal import Policy, SealedSegments, decide, remove
from logweir_service.journal.retention import Removal, Sealed
from logweir_service.journal.segment import Segment, segments, sidecar_of

from .packed import pack_sealed
from .written import RECEIVED, commit, damage, numbered, opened, segment_paths, write_journal

KEEP_ALL = Policy(max_bytes=10_000, max_age_seconds=1000.0)
NOW = 5000.0


def sealed(count, *, size=100, received=4900.0):
    """Segments of ten commits each, that end with commits 10, 20, 30, ..."""
    return [
        Sealed(Segment(None, 10 * number + 1), 10 * number + 10, size, received)  # type: ignore[arg-type]
        for number in range(count)
    ]


def chosen(policy, segments, *, missing=0, checkpoint=10_000, cursor=10_000, now=NOW):
    decision = decide(
        policy,
        segments,
        total_bytes=sum(each.size for each in segments),
        missing_bytes=missing,
        now=now,
        checkpoint_lsn=checkpoint,
        cursor_lsn=cursor,
    )
    removals = [(each.sealed.last_lsn, each.reason, each.unread) for each in decision.removals]
    return removals, decision.held_bytes


BYTES = Policy(max_bytes=250, max_age_seconds=1000.0)
AGE = Policy(max_bytes=10_000, max_age_seconds=50.0)
DROP = Policy(max_bytes=10_000, max_age_seconds=1000.0, may_pass_cursors=True)


@pytest.mark.parametrize(
    ("policy", "given", "expected"),
    [
        (KEEP_ALL, {}, ([], 0)),
        (BYTES, {}, ([(10, "bytes", False), (20, "bytes", False)], 0)),
        (AGE, {}, ([(10, "age", False), (20, "age", False), (30, "age", False), (40, "age", False)], 0)),
        (KEEP_ALL, {"missing": 1}, ([(10, "space", False)], 0)),
        (KEEP_ALL, {"missing": 101}, ([(10, "space", False), (20, "space", False)], 0)),
        (BYTES, {"missing": 50}, ([(10, "space", False), (20, "bytes", False)], 0)),
        (AGE, {"checkpoint": 20}, ([(10, "age", False), (20, "age", False)], 0)),
        (AGE, {"checkpoint": 19}, ([(10, "age", False)], 0)),
        (AGE, {"checkpoint": 0}, ([], 0)),
        (BYTES, {"cursor": 10}, ([(10, "bytes", False)], 100)),
        (BYTES, {"cursor": 9}, ([], 200)),
        (KEEP_ALL, {"missing": 150, "cursor": 15}, ([(10, "space", False)], 100)),
        (DROP, {"missing": 150, "cursor": 15}, ([(10, "space", False), (20, "space", True)], 0)),
        (DROP, {"missing": 150, "cursor": 15, "checkpoint": 10}, ([(10, "space", False)], 0)),
        (Policy(250, 1000.0, may_pass_cursors=True), {"cursor": 0}, ([], 200)),
    ],
)
def test_choice(policy, given, expected):
    assert chosen(policy, sealed(4), **given) == expected


def test_age_is_that_of_the_last_receipt_and_an_old_one_behind_a_young_one_stays():
    segments = [
        *sealed(1, received=1000.0),
        Sealed(Segment(None, 11), 20, 100, 4990.0),  # type: ignore[arg-type]
        Sealed(Segment(None, 21), 30, 100, 1000.0),  # type: ignore[arg-type]
    ]
    assert chosen(AGE, segments) == ([(10, "age", False)], 0)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, NOW)), max_size=12),
    st.builds(Policy, st.integers(1, 3000), st.floats(1, NOW), st.booleans()),
    st.integers(0, 2000),
    st.integers(0, 130),
    st.integers(0, 130),
)
def test_nothing_that_is_needed_goes_and_the_oldest_go_first(made, policy, missing, checkpoint, cursor):
    segments = [
        Sealed(Segment(None, 10 * at + 1), 10 * at + 10, size, received)  # type: ignore[arg-type]
        for at, (size, received) in enumerate(made)
    ]
    total = sum(each.size for each in segments)
    decision = decide(
        policy,
        segments,
        total_bytes=total,
        missing_bytes=missing,
        now=NOW,
        checkpoint_lsn=checkpoint,
        cursor_lsn=cursor,
    )
    gone = [each.sealed for each in decision.removals]
    assert gone == segments[: len(gone)]
    assert all(each.last_lsn <= checkpoint for each in gone)
    for each in decision.removals:
        assert each.unread == (each.sealed.last_lsn > cursor)
        assert not each.unread or (each.reason == "space" and policy.may_pass_cursors)
    if decision.held_bytes:
        assert segments[len(gone)].last_lsn > cursor
    elif len(gone) < len(segments) and segments[len(gone)].last_lsn <= checkpoint:
        left = sum(each.size for each in segments[len(gone) :])
        assert left <= policy.max_bytes
        assert total - left >= missing
        assert NOW - segments[len(gone)].received <= policy.max_age_seconds


def write_timed(folder, *received, max_segment_bytes=300):
    with opened(folder, max_segment_bytes=max_segment_bytes) as (journal, _, _):
        for number, each in enumerate(received, 1):
            commit(journal, numbered(1, first=number), received=each)


def test_sealed_segments_tell_their_last_commit_size_and_age(folder):
    write_timed(folder, *(RECEIVED + number for number in range(5)))
    first, second, _ = segment_paths(folder)
    found = SealedSegments(folder.journal)()
    assert [(each.segment.path, each.last_lsn, each.size) for each in found] == [
        (first, 2, first.stat().st_size),
        (second, 4, second.stat().st_size),
    ]
    assert [each.received for each in found] == [RECEIVED + 2, RECEIVED + 4]


def test_segment_before_one_without_a_commit_takes_its_age_from_the_next_that_has_one(folder):
    """Two resets of the counters in a row leave a segment that holds nothing; it kept all others for good."""
    with opened(folder) as (journal, _, _):
        commit(journal, [b"{}"])
        journal.leave_gap(10)
        journal.leave_gap(10)
        assert [each.received for each in SealedSegments(folder.journal)()] == [float("inf")] * 2
        commit(journal, [b"{}"], received=RECEIVED + 9)
        assert [each.received for each in SealedSegments(folder.journal)()] == [RECEIVED + 9] * 2


def removals(folder, *, cursor_lsn=0):
    return [
        Removal(each, "space", unread=each.last_lsn > cursor_lsn) for each in SealedSegments(folder.journal)()
    ]


def test_removal_tells_how_many_events_of_each_a_cursor_has_not_read(folder):
    with opened(folder, max_segment_bytes=300) as (journal, _, _):
        for number in range(7):
            commit(journal, [b'{"n":%d}' % number] * 3)
    told = remove(folder.disk, removals(folder, cursor_lsn=3), cursor_lsn=3, sidecars=folder.index)
    assert [*told] == [("space", 0), ("space", 3), ("space", 6)]
    assert len(segment_paths(folder)) == 1


def test_damaged_segment_is_removed_and_what_is_whole_of_it_is_counted(folder):
    write_journal(folder, 5, max_segment_bytes=300)
    damage(segment_paths(folder)[0], b'{"n":1}')
    assert [*remove(folder.disk, removals(folder), cursor_lsn=0, sidecars=folder.index)] == [
        ("space", 1),
        ("space", 2),
    ]


def test_compacted_segments_go_with_what_stands_beside_them(folder):
    write_journal(folder, 8, max_segment_bytes=300)
    packed = pack_sealed(folder)
    folder.index.mkdir(exist_ok=True)
    sidecars = [sidecar_of(folder.index, segment.first_lsn) for segment in segments(folder.journal)]
    for sidecar in sidecars:
        sidecar.write_bytes(b"an index")
    told = [*remove(folder.disk, removals(folder, cursor_lsn=8), cursor_lsn=8, sidecars=folder.index)]
    assert len(told) == len(packed) == 3
    assert not any(path.exists() for path in (*packed, *sidecars[:-1]))
    assert sidecars[-1].exists()


def test_index_without_its_segment_is_removed_at_the_start(folder):
    write_journal(folder, 8, max_segment_bytes=300)
    folder.index.mkdir(exist_ok=True)
    kept, orphan = sidecar_of(folder.index, 1), sidecar_of(folder.index, 2)
    for sidecar in (kept, orphan):
        sidecar.write_bytes(b"an index")
    with opened(folder):
        assert (kept.exists(), orphan.exists()) == (True, False)


class Crash(Exception):
    """The process ends here."""


class CrashingDisk(Disk):
    """Ends the process at the nth removal, or at the sync behind all of them."""

    def __init__(self, *, unlinks: int) -> None:
        self._left = unlinks

    def unlink(self, path):
        if self._left == 0:
            raise Crash
        self._left -= 1
        super().unlink(path)

    def sync_folder(self, path):
        raise Crash


@pytest.mark.fault(2, 17)
@pytest.mark.parametrize("unlinks", [0, 1, 2, 3])
def test_death_at_any_point_of_a_removal_leaves_a_journal_that_starts(folder, unlinks):
    positions = write_journal(folder, 8, max_segment_bytes=300)
    with pytest.raises(Crash):
        [
            *remove(
                CrashingDisk(unlinks=unlinks),
                removals(folder, cursor_lsn=8),
                cursor_lsn=8,
                sidecars=folder.index,
            )
        ]
    assert len(segment_paths(folder)) == 4 - unlinks
    with opened(folder, position=positions[7]) as (journal, report, lines):
        assert (lines, report.damaged, report.missing) == (numbered(1, first=8), (), ())
        commit(journal, [b"{}"])
        assert journal.last_lsn == 9


@pytest.mark.fault(16)
def test_search_that_reads_while_segments_go_ends_without_an_error(folder):
    write_journal(folder, 12, max_segment_bytes=300)
    with opened(folder, max_segment_bytes=300) as (journal, _, _):
        search = journal.reader.containing(b'"n"')
        first = next(search)
        [*remove(folder.disk, removals(folder, cursor_lsn=12), cursor_lsn=12, sidecars=folder.index)]
        found = [first.lsn, *(event.lsn for event in search)]
    assert found == [1, 2, 11, 12]  # the segment that was open, and the one that is still there


@pytest.mark.fault(16)
def test_cursor_that_reads_while_segments_go_goes_on_behind_them(folder):
    write_journal(folder, 12, max_segment_bytes=300)
    with opened(folder, max_segment_bytes=300) as (journal, _, _):
        reading = journal.batches(0)
        begun = journal.reader.batches_from(3, 0)
        first, second = next(reading), next(begun)
        [*remove(folder.disk, removals(folder, cursor_lsn=12), cursor_lsn=12, sidecars=folder.index)]
        assert [first.lsn, *(batch.lsn for batch in reading)] == [1, 2, 11, 12]
        assert [second.lsn, *(batch.lsn for batch in begun)] == [3, 4, 11, 12]


@pytest.mark.fault(16)
def test_size_of_the_journal_can_be_asked_while_a_segment_goes(folder, monkeypatch):
    write_journal(folder, 6, max_segment_bytes=300)
    with opened(folder) as (journal, _, _):
        sizes = [path.stat().st_size for path in segment_paths(folder)]
        known = [Segment(path, int(path.stem)) for path in segment_paths(folder)]
        monkeypatch.setattr("logweir_service.journal.journal.segments", lambda _: known)
        segment_paths(folder)[0].unlink()
        assert journal.size_bytes == sum(sizes[1:])
