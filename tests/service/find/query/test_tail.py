import itertools
import json
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.find.query.cursor import Place
from logweir_service.find.query.query import Query
from logweir_service.find.query.scan import Found
from logweir_service.find.query.tail import BURST_ROWS, Dropped, Tail
from logweir_service.journal import DataFolder, Follower
from tests.service.journal.packed import pack_sealed
from tests.service.journal.written import RECEIVED, commit, flip, opened, segment_paths


class Clock:
    """Both clocks of a tail, which stand still unless they are moved."""

    def __init__(self):
        self.now = RECEIVED

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@contextmanager
def followed(path, *, max_segment_bytes=1000):
    """A journal that is being written, and two who follow it: as its owner, and from outside."""
    folder = DataFolder(path)
    with opened(folder, max_segment_bytes=max_segment_bytes) as (journal, _, _):
        owner = Follower(folder.journal, durable=lambda: journal.last_lsn, last=journal.place_of_last)
        yield journal, (owner, Follower(folder.journal))


@pytest.fixture
def journal_and_followers(tmp_path):
    with followed(tmp_path / "data") as both:
        yield both


def lines(*numbers, level="info", note=""):
    return [
        json.dumps({"timestamp": "2026-09-21T14:13:00Z", "level": level, "n": number, "note": note}).encode()
        for number in numbers
    ]


def tail(follower, clock, query="", **more):
    return Tail(follower, Query(query), ticks=clock, clock=clock, **more)


def numbers(told):
    return [json.loads(each.line)["n"] for each in told if isinstance(each, Found)]


def dropped(told):
    return sum(each.count for each in told if isinstance(each, Dropped))


def test_what_was_stored_before_is_not_shown_and_what_comes_is(journal_and_followers, clock):
    journal, followers = journal_and_followers
    commit(journal, lines(1, 2))
    tails = [tail(each, clock) for each in followers]
    assert [each.poll() for each in tails] == [[], []]
    for first in range(10, 100, 3):
        commit(journal, lines(first), lines(first + 1, first + 2))
        assert [numbers(each.poll()) for each in tails] == [[first, first + 1, first + 2]] * 2
    assert len(segment_paths(journal.folder)) > 3
    assert [each.poll() for each in tails] == [[], []]


def test_only_what_the_query_accepts_is_shown(journal_and_followers, clock):
    journal, followers = journal_and_followers
    tails = [tail(each, clock, "level:error") for each in followers]
    commit(journal, lines(1), lines(2, level="error") + lines(3), lines(4, level="error"))
    assert [numbers(each.poll()) for each in tails] == [[2, 4]] * 2


def test_it_goes_on_behind_the_place_it_is_given(journal_and_followers, clock):
    journal, followers = journal_and_followers
    for first in range(0, 60, 3):
        commit(journal, lines(first, first + 1, first + 2))
    for follower in followers:
        shown = tail(follower, clock, after=Place(1, 0)).poll()
        assert numbers(shown) == [*range(1, 60)]
        for each in shown:
            again = tail(follower, clock, after=each.place)
            assert numbers(again.poll()) == [*range(json.loads(each.line)["n"] + 1, 60)]


def test_a_place_that_the_journal_has_not_reached_is_its_end(journal_and_followers, clock):
    journal, followers = journal_and_followers
    commit(journal, lines(1))
    tails = [tail(each, clock, after=Place(4711, 0)) for each in followers]
    commit(journal, lines(2))
    assert [numbers(each.poll()) for each in tails] == [[2], [2]]


def test_a_flood_is_shown_up_to_a_bound_and_the_rest_counted_once_it_is_late(journal_and_followers, clock):
    journal, (follower, _) = journal_and_followers
    follow = tail(follower, clock)
    commit(journal, lines(*range(1500)), received=clock.now)
    assert numbers(follow.poll()) == [*range(BURST_ROWS)]
    clock.now += 0.5
    assert numbers(follow.poll()) == [*range(1000, 1100)]
    clock.now += 0.25
    assert numbers(follow.poll()) == [*range(1100, 1150)]
    clock.now += 1
    assert numbers(follow.poll()) == [*range(1150, 1350)]
    clock.now += 4
    assert [numbers(follow.poll()), follow.poll()] == [[*range(1350, 1500)], []]
    clock.now += 5
    commit(journal, lines(*range(3000)), lines(1, 2), lines(3), received=clock.now)
    assert numbers(follow.poll()) == [*range(1000)]
    clock.now += 5.5
    told = follow.poll()
    assert numbers(told) == [*range(1000, 2000)]
    assert dropped(told) == 1003
    commit(journal, lines(7), received=clock.now)
    clock.now += 0.25
    assert numbers(follow.poll()) == [7]


def test_who_is_far_behind_is_told_how_many_events_are_passed_over(journal_and_followers, clock):
    journal, followers = journal_and_followers
    for first in range(0, 300, 3):
        commit(journal, lines(first, first + 1, first + 2))
    for follower in followers:
        late = Clock()
        late.now += 60
        steps = itertools.count().__next__
        follow = Tail(
            follower,
            Query(),
            after=Place(1, 1),
            step_seconds=lambda: 5.0,
            ticks=steps,
            clock=late,
        )
        told = follow.poll()
        polls = 1
        while not dropped(told):
            told += follow.poll()
            polls += 1
        assert numbers(told) == [*range(2, 2 + len(numbers(told)))]
        assert 0 < len(numbers(told)) < 100
        assert len(numbers(told)) + dropped(told) == 298
        assert polls > 1
        assert follow.poll() == []
    commit(journal, lines(1000), received=late.now)
    assert numbers(follow.poll()) == [1000]


def test_an_owner_walks_through_nothing_that_was_there_before(tmp_path):
    with followed(tmp_path / "data", max_segment_bytes=1 << 20) as (journal, (owner, other)):
        for number in range(100):
            commit(journal, lines(number))
        walked = {}
        for name, follower in (("owner", owner), ("other", other)):
            follow = Tail(follower, Query())
            follow.poll()
            walked[name] = len(follower._newest._lsns)
        assert walked == {"owner": 0, "other": 100}


def test_large_events_are_shown_in_steps_of_bounded_size(journal_and_followers, clock):
    journal, (follower, _) = journal_and_followers
    follow = tail(follower, clock)
    for number in range(30):
        commit(journal, lines(number, note="x" * 200_000))
    polls = [numbers(follow.poll()) for _ in range(6)]
    assert [number for each in polls for number in each] == [*range(30)]
    assert max(map(len, polls)) <= 6


def test_a_batch_longer_than_what_is_read_in_one_go_is_shown(journal_and_followers, clock):
    journal, followers = journal_and_followers
    tails = [tail(each, clock) for each in followers]
    commit(journal, lines(1), lines(2, 3, note="x" * 1_100_000), lines(4))
    assert [numbers(each.poll() + each.poll()) for each in tails] == [[1, 2, 3, 4]] * 2


def test_a_damaged_batch_is_passed_over(journal_and_followers, clock):
    journal, followers = journal_and_followers
    tails = [tail(each, clock) for each in followers]
    commit(journal, lines(1), lines(2), lines(3))
    path = segment_paths(journal.folder)[-1]
    flip(path, path.read_bytes().index(b'"n": 2') + 2)
    assert [numbers(each.poll()) for each in tails] == [[1, 3]] * 2


@pytest.mark.fault(16)
def test_it_goes_on_through_segments_that_were_compressed(journal_and_followers, clock):
    journal, followers = journal_and_followers
    for first in range(0, 60, 3):
        commit(journal, lines(first, first + 1, first + 2))
    tails = [tail(each, clock, after=Place(1, 0)) for each in followers]
    assert len(pack_sealed(journal.folder)) > 3
    assert [numbers(each.poll()) for each in tails] == [[*range(1, 60)]] * 2


@pytest.mark.fault(16)
def test_what_retention_has_removed_is_passed_over(journal_and_followers, clock):
    journal, followers = journal_and_followers
    for number in range(100):
        commit(journal, lines(number))
    tails = [tail(each, clock, after=Place(1, 0)) for each in followers]
    for path in segment_paths(journal.folder)[:-2]:
        path.unlink()
    for follow in tails:
        shown = numbers(follow.poll())
        assert shown == [*range(shown[0], 100)]
        assert shown[0] > 50


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.one_of(
            st.lists(st.lists(st.sampled_from("ab"), max_size=4), min_size=1, max_size=3),
            st.just("poll"),
            st.floats(0, 8),
        ),
        max_size=25,
    ),
    st.sampled_from([150, 500, 100_000]),
    st.integers(0, 3),
)
def test_nothing_is_shown_twice_and_all_that_is_not_is_counted(tmp_path_factory, steps, segment_bytes, room):
    clock, count = Clock(), itertools.count()
    expected: list[int] = []
    told: list[list[Found | Dropped]] = [[], []]
    with followed(tmp_path_factory.mktemp("tail") / "data", max_segment_bytes=segment_bytes) as both:
        journal, followers = both
        tails = [tail(each, clock, rows_per_second=room, step_seconds=lambda: 0.0) for each in followers]
        for each in tails:
            each._rows = room
        for step in [*steps, *["poll", 30.0] * 60]:
            if step == "poll":
                for follow, found in zip(tails, told, strict=True):
                    found.extend(follow.poll())
            elif isinstance(step, float):
                clock.now += step
            else:
                batches = [[next(count) for _ in batch] for batch in step]
                expected += [number for batch in batches for number in batch]
                commit(journal, *(lines(*batch) for batch in batches), received=clock.now)
    for found in told:
        assert numbers(found) == sorted({*numbers(found)})
        assert len(numbers(found)) + dropped(found) == len(expected)
